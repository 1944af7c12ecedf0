"""Who says so: keys, signatures, names of people, and what this installation wrote itself."""

from audit.signing.installation import STATE_KEY, Secret, key_file
from audit.signing.keyring import KEYS, key_owner, known_keys
from audit.signing.keys import PublicKey, SigningKey, decoded, encoded, make_key, read_public_key, signed_body
from audit.signing.people import author_name, signing_key
from audit.signing.person_names import plain_name, same_name, same_person

__all__ = [
    "KEYS", "STATE_KEY", "PublicKey", "Secret", "SigningKey", "author_name", "decoded", "encoded", "key_file",
    "key_owner", "known_keys", "make_key", "plain_name", "read_public_key", "same_name", "same_person", "signed_body",
    "signing_key",
]
