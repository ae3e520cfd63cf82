"""Why a user is at risk: grouped, additive reasons, in words."""
