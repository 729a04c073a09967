"""What the domain needs from the world: proofs, the log, the vault, the database."""
