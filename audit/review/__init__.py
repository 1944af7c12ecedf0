"""What people say of an audit, and where it stands after it."""
