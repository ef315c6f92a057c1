"""`qos dead-letters`: what could not be used, through the operators' API of intake."""
