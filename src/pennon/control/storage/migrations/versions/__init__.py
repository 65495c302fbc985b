"""One module a step of the schema. A released one is never edited."""
