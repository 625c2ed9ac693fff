"""What looks like a secret, and how it is masked before it is written or refused."""
