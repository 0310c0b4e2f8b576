"""Puts the parts together: from settings to a gateway that serves. The only room that knows all the others."""
