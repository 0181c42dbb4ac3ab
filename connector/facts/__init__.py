"""What the records say about every partner: lazy relations over the mirror's tables (`gather.compute`)."""
