"""outreach/delivery"""
