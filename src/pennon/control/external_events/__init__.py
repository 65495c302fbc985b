"""External events: what other systems tell of themselves, above all deploys."""
