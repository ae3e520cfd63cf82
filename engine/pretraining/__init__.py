"""Self-supervised pretraining of the sequence encoder, on every user's history."""
