"""Fast Fourier transforms of many lines at once, compiled for the vector unit of this machine.

Whole-volume template matching is Fourier transforms and little else. Those of a library come as whole: every
pass writes the volume out and the next one reads it again. Here a pass is a function that other compiled
loops call on lines they have in the cache, so that what comes before and after it (zeros that need no
transform, the product with a spectrum, the maximum over orientations) happens there too.

`LANES` neighbouring lines are transformed together, one in each lane of the vector registers. A *row* is one
complex number of each: `LANES` real parts, then `LANES` imaginary parts, ``ROW`` float32 in all. The
transform is Stockham's (no reordering at the end), with radices up to 16, each step of which is one
intrinsic: Numba has no vector types, and its loops over lanes are not vectorised, since LLVM cannot tell that
rows do not overlap.

Importing this module loads Numba; import it late.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding  # type: ignore[import-untyped]
import numba.extending
import numpy as np
from llvmlite import ir
from numba import njit, types
from numpy.typing import NDArray


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

_STEP_COST = {2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 8: 1.0, 9: 1.1, 10: 1.1, 12: 1.1, 16: 1.35}
"""About what a step of each radix takes per number: nearly all of it is loading and storing."""
_ELSE_COST = 1.5  # what else is done with each number

# its type says that decorated functions are called as they are defined
intrinsic: Any = numba.extending.intrinsic

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_NUMBERS = ir.VectorType(ir.IntType(32), LANES)
_EXACT = ("contract",)


class Plan(NamedTuple):
    """How lines of one length are transformed.

    Parameters
    ----------
    length : int
    radices : int64 array
        Their product is the length.
    twiddles : float32 array
        Factors of all steps but the last in the order in which they are used, each its real and its imaginary
        part.
    """

    length: int
    radices: NDArray[np.int64]
    twiddles: NDArray[np.float32]


def plan(length: int, nonzero: int | None = None) -> Plan:
    """Plan a transform; its length must have no prime factors but 2, 3 and 5.

    Parameters
    ----------
    length : int
    nonzero : int, optional
        How many numbers at the beginning of a line are not 0. A first step whose radix goes at least as often
        into the length needs hardly any arithmetic.

    Raises
    ------
    ValueError
        If the length has another prime factor.
    """
    radices = list(_radices(length)[1])
    if nonzero is not None:
        first = max((r for r in radices if length // r >= nonzero), default=radices[0])
        radices.remove(first)
        radices.insert(0, first)
    twiddles, left = [], length
    for radix in radices[:-1]:
        p, t = np.arange(left // radix)[:, None], np.arange(1, radix)
        twiddles.append(np.exp(-2j * np.pi * p * t / left).ravel())
        left //= radix
    every = np.concatenate([*twiddles, np.zeros(1)]).astype(np.complex64)
    return Plan(length, np.array(radices), every.view(np.float32))


@cache
def good_length(least: int, multiple: int = 1) -> int:
    """The length at or above ``least``, a multiple of a number, whose transform takes least time."""
    first = -(-least // multiple) * multiple
    best, best_cost = 0, np.inf
    for length in range(first, 2 * first + 16 * multiple, multiple):
        if length >= best_cost:
            break
        try:
            cost = length * (_ELSE_COST + _radices(length)[0])
        except ValueError:
            continue
        if cost < best_cost:
            best, best_cost = length, cost
    return best


@cache
def _radices(length: int) -> tuple[float, tuple[int, ...]]:
    """Cost per number, and the radices, of the cheapest transform."""
    best: tuple[float, tuple[int, ...]] = (np.inf, ())
    if length in _STEP_COST:
        best = (_STEP_COST[length], (length,))
    for radix, cost in _STEP_COST.items():
        if length % radix == 0 and length > radix:
            try:
                rest = _radices(length // radix)
            except ValueError:
                continue
            if cost + rest[0] < best[0]:
                best = (cost + rest[0], (radix, *rest[1]))
    if not best[1]:
        raise ValueError(f"a transform of {length} numbers: only factors of 2, 3 and 5 are there")
    return best


# ---------------------------------------------------------------------------------------------------------
# Intrinsics. A complex vector is a pair of LLVM values; `a` below is the array, its first element at `ptr`.


class _Builder:
    """Emits arithmetic on vectors; a thin layer over llvmlite."""

    def __init__(self, builder: Any) -> None:
        self.ir = builder

    def add(self, a: Any, b: Any) -> Any:
        return self.ir.fadd(a, b, flags=_EXACT)

    def sub(self, a: Any, b: Any) -> Any:
        return self.ir.fsub(a, b, flags=_EXACT)

    def mul(self, a: Any, b: Any) -> Any:
        return self.ir.fmul(a, b, flags=_EXACT)

    def times(self, a: Any, factor: float) -> Any:
        return self.mul(a, ir.Constant(_VECTOR, [factor] * LANES))

    def complex_add(self, a: Any, b: Any) -> Any:
        return self.add(a[0], b[0]), self.add(a[1], b[1])

    def complex_sub(self, a: Any, b: Any) -> Any:
        return self.sub(a[0], b[0]), self.sub(a[1], b[1])

    def complex_mul(self, a: Any, b: Any) -> Any:
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


class _Rows:
    """Rows of a float32 array in an intrinsic: their real parts ``swap`` before or after the imaginary."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, value=array).data

    def pointer(self, offset: Any, kind: Any = _VECTOR) -> Any:
        return self.builder.bitcast(self.builder.gep(self.data, [offset]), kind.as_pointer())

    def load(self, offset: Any) -> Any:
        return self.builder.load(self.pointer(offset), align=4)

    def store(self, value: Any, offset: Any) -> None:
        self.builder.store(value, self.pointer(offset), align=4)

    def parts(self, row: Any, swap: Any) -> tuple[Any, Any]:
        """Offsets of the real and imaginary part of a row; swap is 0, or 1 to take one for the other."""
        b = self.builder
        lanes = ir.Constant(row.type, LANES)
        real = b.mul(swap, lanes)
        return b.add(row, real), b.add(row, b.sub(lanes, real))

    def complex_load(self, row: Any, swap: Any) -> tuple[Any, Any]:
        real, imaginary = self.parts(row, swap)
        return self.load(real), self.load(imaginary)

    def complex_store(self, value: tuple[Any, Any], row: Any, swap: Any) -> None:
        real, imaginary = self.parts(row, swap)
        self.store(value[0], real)
        self.store(value[1], imaginary)


def _splat(builder: Any, scalar: Any, kind: Any = _VECTOR) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(_NUMBERS, [0] * LANES))


def _step(radix: int, twiddled: bool) -> Any:
    """One butterfly of one row of lines.

    Its arguments: array, table of the offsets of its rows, first row, step, offset added to all, swap; the
    same of where to; the twiddle factors and the first of them.
    """

    @intrinsic
    def step(typing, x, xt, x0, xs, xo, xw, y, yt, y0, ys, yo, yw, w, w0):  # type: ignore[no-untyped-def]
        places = [types.intp] * 4
        signature = types.void(x, xt, *places, y, yt, *places, w, types.intp)

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            kinds = signature.args
            vectors = _Builder(builder)
            _, _, x0, xs, xo, xw, _, _, y0, ys, yo, yw, _, w0 = values
            source = _Rows(context, builder, kinds[0], values[0])
            target = _Rows(context, builder, kinds[6], values[6])
            from_table = context.make_array(kinds[1])(context, builder, value=values[1]).data
            to_table = context.make_array(kinds[7])(context, builder, value=values[7]).data
            factors = context.make_array(kinds[12])(context, builder, value=values[12]).data

            def row(table, first, step, i, offset):  # type: ignore[no-untyped-def]
                index = builder.add(first, builder.mul(step, ir.Constant(step.type, i)))
                return builder.add(builder.load(builder.gep(table, [index])), offset)

            found = [source.complex_load(row(from_table, x0, xs, i, xo), xw) for i in range(radix)]
            found = vectors.transform(found)
            for t in range(radix):
                value = found[t]
                if twiddled and t:
                    at = builder.mul(builder.add(w0, ir.Constant(w0.type, t - 1)), ir.Constant(w0.type, 2))
                    real = builder.load(builder.gep(factors, [at]))
                    after = builder.add(at, ir.Constant(w0.type, 1))
                    imaginary = builder.load(builder.gep(factors, [after]))
                    value = vectors.complex_mul(value, (_splat(builder, real), _splat(builder, imaginary)))
                target.complex_store(value, row(to_table, y0, ys, t, yo), yw)
            return context.get_dummy_value()

        return signature, generate

    return step


_step2, _twiddled2 = _step(2, False), _step(2, True)
_step3, _twiddled3 = _step(3, False), _step(3, True)
_step4, _twiddled4 = _step(4, False), _step(4, True)
_step5, _twiddled5 = _step(5, False), _step(5, True)
_step6, _twiddled6 = _step(6, False), _step(6, True)
_step8, _twiddled8 = _step(8, False), _step(8, True)
_step9, _twiddled9 = _step(9, False), _step(9, True)
_step10, _twiddled10 = _step(10, False), _step(10, True)
_step12, _twiddled12 = _step(12, False), _step(12, True)
_step16, _twiddled16 = _step(16, False), _step(16, True)


@intrinsic
def scaled(typing, x, x0, y, y0, w, w0):  # type: ignore[no-untyped-def]
    """Row ``y0`` of ``y`` becomes row ``x0`` of ``x`` times the complex number ``w0`` of ``w``."""
    signature = types.void(x, types.intp, y, types.intp, w, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = _Rows(context, builder, kinds[0], values[0])
        target = _Rows(context, builder, kinds[2], values[2])
        factors = context.make_array(kinds[4])(context, builder, value=values[4]).data
        zero = ir.Constant(values[1].type, 0)
        at = builder.mul(values[5], ir.Constant(zero.type, 2))
        real = builder.load(builder.gep(factors, [at]))
        imaginary = builder.load(builder.gep(factors, [builder.add(at, ir.Constant(zero.type, 1))]))
        factor = _splat(builder, real), _splat(builder, imaginary)
        value = _Builder(builder).complex_mul(source.complex_load(values[1], zero), factor)
        target.complex_store(value, values[3], zero)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def multiplied(typing, x, x0, y, y0):  # type: ignore[no-untyped-def]
    """Row ``x0`` of ``x`` is multiplied by row ``y0`` of ``y``."""
    signature = types.void(x, types.intp, y, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = _Rows(context, builder, kinds[0], values[0])
        other = _Rows(context, builder, kinds[2], values[2])
        zero = ir.Constant(values[1].type, 0)
        a, b = source.complex_load(values[1], zero), other.complex_load(values[3], zero)
        source.complex_store(_Builder(builder).complex_mul(a, b), values[1], zero)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def streamed(typing, x, x0, y, y0):  # type: ignore[no-untyped-def]
    """Row ``y0`` of ``y`` becomes row ``x0`` of ``x``, past the cache; ``y`` is aligned to vectors."""
    signature = types.void(x, types.intp, y, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = _Rows(context, builder, kinds[0], values[0])
        target = _Rows(context, builder, kinds[2], values[2])
        zero = ir.Constant(values[1].type, 0)
        past = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        value = source.complex_load(values[1], zero)
        for i, at in enumerate(target.parts(values[3], zero)):
            store = builder.store(value[i], target.pointer(at), align=4 * LANES)
            store.set_metadata("nontemporal", past)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def fetched(typing, x, x0):  # type: ignore[no-untyped-def]
    """Row ``x0`` of ``x`` will be needed soon."""
    signature = types.void(x, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer] + [number] * 3)
        )
        source = _Rows(context, builder, signature.args[0], values[0])
        for first in range(0, ROW, 16):  # lines of the cache
            at = builder.add(values[1], ir.Constant(values[1].type, first))
            place = source.pointer(at, ir.IntType(8))
            builder.call(prefetch, [place, *(ir.Constant(number, i) for i in (0, 2, 1))])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transposed(typing, x, x0, xs, y, y0, ys):  # type: ignore[no-untyped-def]
    """A square of `LANES` vectors, ``xs`` apart in ``x``, becomes its transpose, ``ys`` apart in ``y``."""
    signature = types.void(x, types.intp, types.intp, y, types.intp, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = _Rows(context, builder, kinds[0], values[0])
        target = _Rows(context, builder, kinds[3], values[3])

        def place(first, step, i):  # type: ignore[no-untyped-def]
            return builder.add(first, builder.mul(step, ir.Constant(step.type, i)))

        rows = [source.load(place(values[1], values[2], i)) for i in range(LANES)]
        half = LANES // 2
        # as a deck of cards: after log2(LANES) perfect shuffles rows and columns have changed places
        low = [j // 2 + (j % 2) * LANES for j in range(LANES)]
        high = [j // 2 + half + (j % 2) * LANES for j in range(LANES)]
        for _ in range(LANES.bit_length() - 1):
            shuffled = []
            for i in range(half):
                for order in (low, high):
                    mask = ir.Constant(_NUMBERS, order)
                    shuffled.append(builder.shuffle_vector(rows[i], rows[i + half], mask))
            rows = shuffled
        for i, value in enumerate(rows):
            target.store(value, place(values[4], values[5], i))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def keep_best(typing, x, x0, a, b, best, number, i0, first, sums):  # type: ignore[no-untyped-def]
    """Two scores of each lane are compared with the best so far.

    The scores are the parts of row ``x0`` of ``x``, times ``a`` and ``b`` at ``i0``; they are those of
    orientations ``first`` and ``first + 1``. ``best`` and ``number`` at ``i0`` are replaced where one is
    higher; ``sums`` is a row: the scores are added to the first part, their squares to the second.
    """
    signature = types.void(x, types.intp, a, b, best, number, types.intp, types.int32, sums)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        vectors = _Builder(builder)
        zero = ir.Constant(values[1].type, 0)
        source = _Rows(context, builder, kinds[0], values[0])
        weights = [_Rows(context, builder, kinds[i], values[i]).load(values[6]) for i in (2, 3)]
        highest = _Rows(context, builder, kinds[4], values[4])
        which = _Rows(context, builder, kinds[5], values[5])
        totals = _Rows(context, builder, kinds[8], values[8])
        sums = totals.complex_load(zero, zero)
        numbers = which.pointer(values[6], _NUMBERS)
        score, index = highest.load(values[6]), builder.load(numbers, align=4)
        parts = source.complex_load(values[1], zero)
        for i in range(2):
            new = vectors.mul(parts[i], weights[i])
            sums = vectors.add(sums[0], new), vectors.add(sums[1], vectors.mul(new, new))
            higher = builder.fcmp_ordered(">", new, score)
            score = builder.select(higher, new, score)
            orientation = builder.add(values[7], ir.Constant(ir.IntType(32), i))
            index = builder.select(higher, _splat(builder, orientation, _NUMBERS), index)
        highest.store(score, values[6])
        builder.store(index, numbers, align=4)
        totals.complex_store(sums, zero, zero)
        return context.get_dummy_value()

    return signature, generate


# one signature each, or Numba would compile them again for every constant they are called with
_INT, _TABLE, _ROWS = types.int64, types.int64[::1], types.float32[::1]


@njit(
    types.void(*[_INT] * 3, *[_ROWS, _TABLE, _INT, _INT] * 2, _ROWS, _INT), nogil=True, cache=True
)  # fmt: skip
def _one_step(radix, left, stride, x, xt, xo, xw, y, yt, yo, yw, w, w0):  # type: ignore[no-untyped-def]
    """A step of Stockham's transform: what is left of the length is cut into ``radix`` parts."""
    m = left // radix
    for p in range(m):
        at = w0 + p * (radix - 1)
        for q in range(stride):
            a, aa, b = q + stride * p, stride * m, q + stride * radix * p
            if p == 0:
                if radix == 8:
                    _step8(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 4:
                    _step4(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 6:
                    _step6(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 10:
                    _step10(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 9:
                    _step9(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 12:
                    _step12(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 16:
                    _step16(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 5:
                    _step5(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 3:
                    _step3(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
                elif radix == 2:
                    _step2(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 8:
                _twiddled8(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 4:
                _twiddled4(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 6:
                _twiddled6(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 10:
                _twiddled10(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 9:
                _twiddled9(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 12:
                _twiddled12(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 16:
                _twiddled16(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 5:
                _twiddled5(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 3:
                _twiddled3(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)
            elif radix == 2:
                _twiddled2(x, xt, a, aa, xo, xw, y, yt, b, stride, yo, yw, w, at)


@njit(types.void(*[_INT] * 3, _ROWS, _TABLE, _INT, _ROWS, _ROWS), nogil=True, cache=True)
def _spread(radix, m, nonzero, x, xt, xo, y, w):  # type: ignore[no-untyped-def]
    """A first step of which only the first of each ``radix`` numbers is not 0."""
    for p in range(nonzero):
        row = xt[p] + xo
        for i in range(ROW):
            y[p * radix * ROW + i] = x[row + i]
        for t in range(1, radix):
            scaled(x, row, y, (p * radix + t) * ROW, w, p * (radix - 1) + t - 1)
    for i in range(nonzero * radix * ROW, m * radix * ROW):
        y[i] = 0.0


@njit(
    types.void(
        _INT, _TABLE, _ROWS, *[_ROWS, _TABLE, _INT] * 2, _INT, _ROWS, _ROWS, _TABLE, _INT
    ),
    nogil=True, cache=True,
)  # fmt: skip
def transform(length, radices, w, x, xt, xo, y, yt, yo, swap, one, two, rows, nonzero):  # type: ignore[no-untyped-def]
    """Transform one row of lines, unnormalised.

    Parameters
    ----------
    length, radices, w : int, int64 array, float32 array
        A `Plan`; its twiddle factors flat.
    x, y : float32 arrays
        Where the lines come from and where they go; not the same memory.
    xt, yt : int64 arrays, shape (length,)
        Offsets in them of the row of each number.
    xo, yo : int
        Added to all of these.
    swap : int
        0 for the forward transform, 1 for the inverse.
    one, two : float32 arrays, shape (length * ROW,) at least
        To work in; neither is x or y.
    rows : int64 array, shape (length,)
        Offsets of their rows.
    nonzero : int
        How many numbers at the beginning are not 0; all rows must be there nevertheless, unless the length
        over the first radix is at least that.
    """
    stride, left, w0 = 1, length, 0
    last = len(radices) - 1
    for i in range(last + 1):
        radix = radices[i]
        if i == 0 and i < last and swap == 0 and length // radix >= nonzero:
            _spread(radix, length // radix, nonzero, x, xt, xo, one, w)
        elif i == 0 and i == last:
            _one_step(radix, left, stride, x, xt, xo, swap, y, yt, yo, swap, w, w0)
        elif i == 0:
            _one_step(radix, left, stride, x, xt, xo, swap, one, rows, 0, 0, w, w0)
        elif i == last and i % 2 == 1:
            _one_step(radix, left, stride, one, rows, 0, 0, y, yt, yo, swap, w, w0)
        elif i == last:
            _one_step(radix, left, stride, two, rows, 0, 0, y, yt, yo, swap, w, w0)
        elif i % 2 == 1:
            _one_step(radix, left, stride, one, rows, 0, 0, two, rows, 0, 0, w, w0)
        else:
            _one_step(radix, left, stride, two, rows, 0, 0, one, rows, 0, 0, w, w0)
        w0 += (left // radix) * (radix - 1)
        stride *= radix
        left //= radix
