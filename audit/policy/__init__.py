"""The policy: what an organisation demands of an audit, whoever wrote its plan."""
