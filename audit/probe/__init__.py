"""What a probe is: a question put through one door, judged without the model, and shown to work before it is asked."""
