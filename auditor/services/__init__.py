"""How we talk to the services: one HTTP layer, tokens, and one thin client per wire format."""
