"""Vector code for Numba: what its intrinsics are put together from.

Numba has no vector types, and its loops over lanes are not vectorised, since LLVM cannot tell that rows do
not overlap; so what is done in the vector registers is written for LLVM. A *row* is one complex number of
each of `LANES` neighbouring lines: `LANES` real parts, then `LANES` imaginary parts, `ROW` float32 in all. A
complex vector is a pair of LLVM values.

Importing this module loads Numba; import it late.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
import numba.extending
import numpy as np
from llvmlite import ir


def _lanes() -> int:
    """float32 in a vector register of this machine."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx") else 4


LANES = _lanes()
"""Numbers that are transformed together."""
ROW = 2 * LANES
"""float32 in a row."""


# its type says that decorated functions are called as they are defined
intrinsic: Any = numba.extending.intrinsic

VECTOR = ir.VectorType(ir.FloatType(), LANES)
NUMBERS = ir.VectorType(ir.IntType(32), LANES)
EXACT = ("contract",)


class Arithmetic:
    """Emits arithmetic on vectors; a thin layer over llvmlite."""

    def __init__(self, builder: Any) -> None:
        self.ir = builder

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return self.ir.fadd(a, b, flags=EXACT)

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return self.ir.fsub(a, b, flags=EXACT)

    def mul(self, a: Any, b: Any) -> Any:
        """a * b."""
        return self.ir.fmul(a, b, flags=EXACT)

    def times(self, a: Any, factor: float) -> Any:
        """A vector times a number."""
        return self.mul(a, ir.Constant(VECTOR, [factor] * LANES))

    def complex_add(self, a: Any, b: Any) -> Any:
        """a + b of complex vectors."""
        return self.add(a[0], b[0]), self.add(a[1], b[1])

    def complex_sub(self, a: Any, b: Any) -> Any:
        """a - b of complex vectors."""
        return self.sub(a[0], b[0]), self.sub(a[1], b[1])

    def complex_mul(self, a: Any, b: Any) -> Any:
        """a * b of complex vectors."""
        real = self.sub(self.mul(a[0], b[0]), self.mul(a[1], b[1]))
        return real, self.add(self.mul(a[0], b[1]), self.mul(a[1], b[0]))

    def turned(self, a: Any, k: int, n: int) -> Any:
        """Multiply by ``exp(-2 pi i k / n)``."""
        k %= n
        if k == 0:
            return a
        if 4 * k == n:
            return a[1], self.ir.fneg(a[0])
        if 2 * k == n:
            return self.ir.fneg(a[0]), self.ir.fneg(a[1])
        if 8 * k == n:
            c = float(np.sqrt(0.5))
            return self.times(self.add(a[0], a[1]), c), self.times(self.sub(a[1], a[0]), c)
        if 8 * k == 3 * n:
            c = float(np.sqrt(0.5))
            return self.times(self.sub(a[1], a[0]), c), self.times(self.add(a[0], a[1]), -c)
        c, s = float(np.cos(2 * np.pi * k / n)), float(np.sin(2 * np.pi * k / n))
        real = self.add(self.times(a[0], c), self.times(a[1], s))
        return real, self.sub(self.times(a[1], c), self.times(a[0], s))

    def transform(self, x: list[Any]) -> list[Any]:
        """The discrete Fourier transform of a few complex vectors."""
        n = len(x)
        if n == 2:
            return [self.complex_add(x[0], x[1]), self.complex_sub(x[0], x[1])]
        if n == 4:
            a, b = self.complex_add(x[0], x[2]), self.complex_sub(x[0], x[2])
            c, d = self.complex_add(x[1], x[3]), self.complex_sub(x[1], x[3])
            return [
                self.complex_add(a, c),
                (self.add(b[0], d[1]), self.sub(b[1], d[0])),
                self.complex_sub(a, c),
                (self.sub(b[0], d[1]), self.add(b[1], d[0])),
            ]
        if n in (3, 5):
            return self._prime(x)
        across = 3 if n == 9 else 4 if n == 16 else 2
        along = n // across
        parts = [self.transform(x[b::along]) for b in range(along)]
        found: list[Any] = [None] * n
        for k in range(across):
            column = [self.turned(parts[b][k], b * k, n) for b in range(along)]
            for i, value in enumerate(self.transform(column)):
                found[k + across * i] = value
        return found

    def _prime(self, x: list[Any]) -> list[Any]:
        n = len(x)
        sums = [self.complex_add(x[j], x[n - j]) for j in range(1, n // 2 + 1)]
        differences = [self.complex_sub(x[j], x[n - j]) for j in range(1, n // 2 + 1)]
        total = x[0]
        for s in sums:
            total = self.complex_add(total, s)
        found: list[Any] = [total] + [None] * (n - 1)
        for k in range(1, n // 2 + 1):
            even, odd = x[0], None
            for j, (s, d) in enumerate(zip(sums, differences, strict=True), start=1):
                cosine = float(np.cos(2 * np.pi * j * k / n))
                sine = float(np.sin(2 * np.pi * j * k / n))
                even = tuple(self.add(e, self.times(v, cosine)) for e, v in zip(even, s, strict=True))
                term = tuple(self.times(v, sine) for v in d)
                odd = term if odd is None else self.complex_add(odd, term)
            assert odd is not None
            found[k] = (self.add(even[0], odd[1]), self.sub(even[1], odd[0]))
            found[n - k] = (self.sub(even[0], odd[1]), self.add(even[1], odd[0]))
        return found


class Rows:
    """Rows of a float32 array in an intrinsic: their real parts ``swap`` before or after the imaginary."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, value=array).data

    def pointer(self, offset: Any, kind: Any = VECTOR) -> Any:
        """Where a vector lies."""
        return self.builder.bitcast(self.builder.gep(self.data, [offset]), kind.as_pointer())

    def load(self, offset: Any) -> Any:
        """The vector that begins at an offset."""
        return self.builder.load(self.pointer(offset), align=4)

    def store(self, value: Any, offset: Any) -> None:
        """Put a vector at an offset."""
        self.builder.store(value, self.pointer(offset), align=4)

    def parts(self, row: Any, swap: Any) -> tuple[Any, Any]:
        """Offsets of the real and imaginary part of a row; swap is 0, or 1 to take one for the other."""
        b = self.builder
        lanes = ir.Constant(row.type, LANES)
        real = b.mul(swap, lanes)
        return b.add(row, real), b.add(row, b.sub(lanes, real))

    def complex_load(self, row: Any, swap: Any) -> tuple[Any, Any]:
        """The real and the imaginary part of a row."""
        real, imaginary = self.parts(row, swap)
        return self.load(real), self.load(imaginary)

    def complex_store(self, value: tuple[Any, Any], row: Any, swap: Any) -> None:
        """Put a real and an imaginary part into a row."""
        real, imaginary = self.parts(row, swap)
        self.store(value[0], real)
        self.store(value[1], imaginary)


def splat(builder: Any, scalar: Any, kind: Any = VECTOR) -> Any:
    """A vector all of whose lanes are one number."""
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(NUMBERS, [0] * LANES))
