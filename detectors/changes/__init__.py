"""Changes of texts and images, made alike wherever a model or a mark is tried with them."""
