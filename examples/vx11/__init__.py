"""The system that the gateway was made for: real services, each doing its job over real connections."""
