"""A sample of the contexts that SDKs evaluate flags for, so that it can be said whom a change would move."""
