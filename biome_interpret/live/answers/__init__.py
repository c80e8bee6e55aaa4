"""What may be asked of an archive, and what is answered."""
