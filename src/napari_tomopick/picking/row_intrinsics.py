"""What is done with rows besides transforming them, as intrinsics.

Importing this module loads Numba; import it late.
"""

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from napari_tomopick.picking.vector_code import (
    LANES,
    NUMBERS,
    ROW,
    Arithmetic,
    Rows,
    intrinsic,
    splat,
)


@intrinsic
def scaled(typing, x, x0, y, y0, w, w0):  # type: ignore[no-untyped-def]
    """Row ``y0`` of ``y`` becomes row ``x0`` of ``x`` times the complex number ``w0`` of ``w``."""
    signature = types.void(x, types.intp, y, types.intp, w, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = Rows(context, builder, kinds[0], values[0])
        target = Rows(context, builder, kinds[2], values[2])
        factors = context.make_array(kinds[4])(context, builder, value=values[4]).data
        zero = ir.Constant(values[1].type, 0)
        at = builder.mul(values[5], ir.Constant(zero.type, 2))
        real = builder.load(builder.gep(factors, [at]))
        imaginary = builder.load(builder.gep(factors, [builder.add(at, ir.Constant(zero.type, 1))]))
        factor = splat(builder, real), splat(builder, imaginary)
        value = Arithmetic(builder).complex_mul(source.complex_load(values[1], zero), factor)
        target.complex_store(value, values[3], zero)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def multiplied(typing, x, x0, y, y0):  # type: ignore[no-untyped-def]
    """Row ``x0`` of ``x`` is multiplied by row ``y0`` of ``y``."""
    signature = types.void(x, types.intp, y, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = Rows(context, builder, kinds[0], values[0])
        other = Rows(context, builder, kinds[2], values[2])
        zero = ir.Constant(values[1].type, 0)
        a, b = source.complex_load(values[1], zero), other.complex_load(values[3], zero)
        source.complex_store(Arithmetic(builder).complex_mul(a, b), values[1], zero)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def streamed(typing, x, x0, y, y0):  # type: ignore[no-untyped-def]
    """Row ``y0`` of ``y`` becomes row ``x0`` of ``x``, past the cache; ``y`` is aligned to vectors."""
    signature = types.void(x, types.intp, y, types.intp)

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        kinds = signature.args
        source = Rows(context, builder, kinds[0], values[0])
        target = Rows(context, builder, kinds[2], values[2])
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
        source = Rows(context, builder, signature.args[0], values[0])
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
        source = Rows(context, builder, kinds[0], values[0])
        target = Rows(context, builder, kinds[3], values[3])

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
                    mask = ir.Constant(NUMBERS, order)
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
        vectors = Arithmetic(builder)
        zero = ir.Constant(values[1].type, 0)
        source = Rows(context, builder, kinds[0], values[0])
        weights = [Rows(context, builder, kinds[i], values[i]).load(values[6]) for i in (2, 3)]
        highest = Rows(context, builder, kinds[4], values[4])
        which = Rows(context, builder, kinds[5], values[5])
        totals = Rows(context, builder, kinds[8], values[8])
        sums = totals.complex_load(zero, zero)
        numbers = which.pointer(values[6], NUMBERS)
        score, index = highest.load(values[6]), builder.load(numbers, align=4)
        parts = source.complex_load(values[1], zero)
        for i in range(2):
            new = vectors.mul(parts[i], weights[i])
            sums = vectors.add(sums[0], new), vectors.add(sums[1], vectors.mul(new, new))
            higher = builder.fcmp_ordered(">", new, score)
            score = builder.select(higher, new, score)
            orientation = builder.add(values[7], ir.Constant(ir.IntType(32), i))
            index = builder.select(higher, splat(builder, orientation, NUMBERS), index)
        highest.store(score, values[6])
        builder.store(index, numbers, align=4)
        totals.complex_store(sums, zero, zero)
        return context.get_dummy_value()

    return signature, generate
