"""Compile every GPU kernel for the compute capability in the first argument; print the instructions of interest."""

import re
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from modescape.kernels.gpu import batch_norm, convolution, pointwise

NUMBERS = {"rows": "i32", "examples": "i32", "count": "i32", "call": "i32", "drop": "i32", "x_member": "i64"}
ALIGNED = {"rows", "count", "x_member"}  # multiples of 16, as they are in practice


def compiled(kernel, types: dict[str, str], **constants) -> str:
    """Names of the matrix and global memory instructions in a kernel's PTX."""
    names = kernel.arg_names
    signature = {name: "constexpr" if name in constants else types.get(name, NUMBERS.get(name)) for name in names}
    aligned = [name for name in names if name in ALIGNED or signature[name].startswith("*")]
    attributes = {(names.index(name),): [["tt.divisibility", 16]] for name in aligned}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    options = {"num_warps": 4, "num_stages": 3}
    result = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options=options)
    found = re.findall(r"(?:wgmma\.mma|mma\.sync|cp\.async\.\w+|ld\.global|st\.global)[.\w]*", result.asm["ptx"])
    wide = ["v4 (16 bytes, asynchronous)"] if any(name.startswith("cp.async.cg") for name in found) else []
    return " ".join([*sorted(set(found)), *wide])


GEOMETRY = {
    **dict.fromkeys(("HEIGHT", "WIDTH", "OUT_HEIGHT", "OUT_WIDTH", "CHANNELS"), 16),
    **dict.fromkeys(("KERNEL_HEIGHT", "KERNEL_WIDTH"), 3),
    **dict.fromkeys(("STRIDE_H", "STRIDE_W", "PADDING_H", "PADDING_W", "DILATION_H", "DILATION_W"), 1),
    "FILTERS": 32,
    "SUM": tl.float32,
}


def main() -> None:
    for precision, kind in (("tf32", "*fp32"), ("ieee", "*fp32"), ("bf16", "*bf16")):
        types = dict.fromkeys(("x", "weight", "bias", "out", "gradient"), kind)
        constants = {**GEOMETRY, "PRECISION": "ieee" if precision == "bf16" else precision, "BLOCK_FILTERS": 32}
        blocks = {"BLOCK_ROWS": 128, "BLOCK_INNER": 32, "BACK": precision == "ieee", "HAS_BIAS": True}
        print(f"forward {precision}:", compiled(convolution._convolve, types, **constants, **blocks))
        if precision == "tf32":
            parts = {"PARTS": 16, "PART": 2048, "LINES": 145, "BLOCK_INNER": 64, "BLOCK_ROWS": 32}
            print("weight tf32:", compiled(convolution._weigh, types, **constants, **parts))

    tile = {"CHANNELS": 16, "ROWS": 128, "COLUMNS": 16}
    floats = dict.fromkeys(("x", "out", "mean", "square", "scale", "weight", "bias", "gradient", "sums"), "*fp32")
    floats |= dict.fromkeys(("out_mean", "out_scale", "running_mean", "running_variance"), "*fp32")
    floats |= {"epsilon": "fp32", "momentum": "fp32"}
    print("moments:", compiled(batch_norm._moments, floats, PARTS=128, PART=1024, **tile))
    merge = {"CHANNELS": 16, "PARTS": 128, "PART": 1024, "TRACKS": True, "TOGETHER": 128, "COLUMNS": 16}
    print("merge:", compiled(batch_norm._merge, floats, **merge))
    print("normalize:", compiled(batch_norm._normalize, floats, RELU=True, **tile))
    print("slopes:", compiled(batch_norm._slopes, floats, PARTS=128, PART=1024, RELU=True, **tile))
    print("backward:", compiled(batch_norm._backward, floats, RELU=True, **tile))

    images = dict.fromkeys(("x", "out", "gradient"), "*fp32") | {"where": "*u8", "keys": "*i64", "scale": "fp32"}
    window = {"HEIGHT": 32, "WIDTH": 32, "CHANNELS": 16, "ROWS": 16, "COLUMNS": 16, "SIZE": 2, "BLOCK": 1024}
    pooling = {"RELU": True, "DROPS": True, "TOGETHER": 4}
    print("pool forward:", compiled(pointwise._pool_forward, images, **window, **pooling))
    print("pool backward:", compiled(pointwise._pool_backward, images, **window))


if __name__ == "__main__":
    main()
