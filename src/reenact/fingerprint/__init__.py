"""Fingerprints: 64-bit digests of tensors and values, the same on every device and in every framework.

Algorithm ``w64/1``. The bytes of a tensor in logical order, padded with zeros to whole 32-bit words, are read as signed
little-endian integers ``x_i``. ``S = sum(w_i * x_i) mod 2**64`` over rows of 4096 words with fixed random odd 64-bit
weights; when there is more than one row, the row sums are themselves read as words and hashed again with the next
level's weights. The fingerprint is ``mix(S + nbytes * GOLDEN)``. A sum does not depend on the order of its terms, so
any number of threads, any block size and any device give the same number; two different contents of one size
collide with a probability of at most 2**-33. Dtype and shape are stored beside it, not inside it.

Values that are no tensors (numbers, strings, nested containers) are hashed by :mod:`.values` with BLAKE2b.
Standard library only; torch and numpy are used when the caller hands in their objects.
"""

ALGORITHM = "w64/1"
