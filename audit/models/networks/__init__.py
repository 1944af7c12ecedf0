"""Networks of the image models and what is asked of them; torch lives here, the parts beside it stay light."""
