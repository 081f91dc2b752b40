"""What a person decides about photos: carried out so that nothing is ever lost, and taken back exactly."""
