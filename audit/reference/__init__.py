"""Small models of our own in two forms, sound and flawed on purpose, and the plans that audit them."""
