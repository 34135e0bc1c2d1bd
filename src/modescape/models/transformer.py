"""A small transformer for sequences of tokens."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from modescape.errors import InputError


class Block(nn.Module):
    """A pre-norm transformer block: attention and a feed-forward part, each with a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.p = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[example, position, width] and the attention mask, bool [example, 1, 1, position]."""
        joint = self.joint(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind()  # [example, head, place, feature]
        p = self.p if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=p)
        x = x + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.dense(self.norm2(x)))


class Pieces(nn.Module):
    """From characters to pieces of a text: a convolution over neighbours, then max pooling.

    Attention is quadratic in the number of positions, and single characters carry little meaning: with pieces, texts of
    bytes are cheaper and learnt from fewer examples (Clark et al. 2022, "CANINE", arXiv 2103.06874, with a strided
    convolution).
    """

    def __init__(self, width: int, neighbours: int, pool: int, dropout: float) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(width, width, neighbours, padding=neighbours // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[example, position, width] and bool [example, position] -> the same with fewer positions."""
        x = functional.relu(self.convolution((x * mask[..., None].to(x.dtype)).transpose(1, 2)))
        largest = x.unflatten(-1, (-1, self.pool)).amax(-1).transpose(1, 2)
        return self.dropout(largest), mask.unflatten(-1, (-1, self.pool)).any(-1)


class TextTransformer(nn.Module):
    """Token and position embeddings, blocks, the mean over positions that hold a token, a linear layer."""

    def __init__(
        self, vocabulary: int, places: int, num_classes: int, width: int, blocks: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(places, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(blocks))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, num_classes)
        for embedding in (self.token, self.place):
            nn.init.normal_(embedding.weight, std=0.02)
        self.pieces: Pieces | None = None

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens int64 and mask bool [example, position] -> logits [example, class]."""
        x = self.token(tokens)
        if self.pieces is not None:
            x, mask = self.pieces(x, mask)
        x = x + self.place.weight[: x.shape[1]]
        for block in self.blocks:
            x = block(x, mask[:, None, None, :])
        shown = mask[..., None].to(x.dtype)
        mean = (self.norm(x) * shown).sum(1) / shown.sum(1).clamp_min(1)
        return self.output(mean)


def text_transformer(
    vocabulary: int,
    length: int,
    num_classes: int,
    width: int = 32,
    blocks: int = 2,
    heads: int = 4,
    dropout: float = 0.1,
    neighbours: int = 0,
    pool: int = 1,
) -> TextTransformer:
    """A transformer encoder with attention dropout, plain torch.

    Args:
        vocabulary: number of tokens.
        length: positions of a sequence.
        num_classes: outputs.
        width: of embeddings; a multiple of ``heads``.
        blocks: number of transformer blocks.
        heads: number of attention heads.
        dropout: rate for attention weights, residual branches and pieces.
        neighbours: kernel size of a convolution before the blocks, an odd number; 0: no convolution.
        pool: window of max pooling after it; must divide ``length``.

    Raises:
        InputError: if ``heads`` does not divide the width, ``pool`` not the length, or ``neighbours`` is even.
    """
    if width % heads:
        raise InputError(f"text_transformer: width is {width}, expected a multiple of heads, {heads}")
    if length % pool or (pool > 1 and not neighbours) or (neighbours and neighbours % 2 == 0):
        raise InputError(
            f"text_transformer: neighbours is {neighbours} and pool {pool}, expected an odd number of neighbours (0: "
            f"none, with a pool of 1) and a pool that divides data.length, {length}"
        )
    module = TextTransformer(vocabulary, length // pool, num_classes, width, blocks, heads, dropout)
    if neighbours:
        module.pieces = Pieces(width, neighbours, pool, dropout)
        nn.init.normal_(module.token.weight, std=0.1)  # at 0.02 the convolution's own bias hides the letters at first
    return module
