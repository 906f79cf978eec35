"""Fast Fourier transforms of many lines at once, compiled for the vector unit of this machine.

Whole-volume template matching is Fourier transforms and little else. Those of a library come as whole: every
pass writes the volume out and the next one reads it again. Here a pass is a function that other compiled
loops call on lines they have in the cache, so that what comes before and after it (zeros that need no
transform, the product with a spectrum, the maximum over orientations) happens there too.

`LANES` neighbouring lines are transformed together, one in each lane of the vector registers: see
`vector_code` for what a row is. The transform is Stockham's (no reordering at the end), with radices up to
16, each step of which is one intrinsic.

Importing this module loads Numba; import it late.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types

from napari_tomopick.picking.row_intrinsics import scaled
from napari_tomopick.picking.vector_code import ROW, Arithmetic, Rows, intrinsic, splat


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
            vectors = Arithmetic(builder)
            _, _, x0, xs, xo, xw, _, _, y0, ys, yo, yw, _, w0 = values
            source = Rows(context, builder, kinds[0], values[0])
            target = Rows(context, builder, kinds[6], values[6])
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
                    value = vectors.complex_mul(value, (splat(builder, real), splat(builder, imaginary)))
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
        A plan of `transform_plans`; its twiddle factors flat.
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
