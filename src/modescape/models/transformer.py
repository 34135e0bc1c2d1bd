"""A small transformer for sequences of tokens."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from modescape.errors import InputError


class Block(nn.Module):
    """Attention and a dense part, each behind a layer norm and beside a path around it (pre-norm)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.p = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[example, place, width] and who is attended to, bool [example, 1, 1, place]."""
        joint = self.joint(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = joint.permute(2, 0, 3, 1, 4).unbind()  # [example, head, place, feature]
        p = self.p if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=p)
        x = x + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.dense(self.norm2(x)))


class TextTransformer(nn.Module):
    """Embeddings of tokens and places, blocks, the mean over the places that hold a token, a dense layer."""

    def __init__(
        self, vocabulary: int, length: int, num_classes: int, width: int, blocks: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(blocks))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, num_classes)
        for embedding in (self.token, self.place):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """int64 and bool [example, place] -> [example, class]."""
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
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
) -> TextTransformer:
    """A transformer encoder with attention dropout, plain torch.

    Args:
        vocabulary: tokens there are.
        length: places of a sequence.
        num_classes: outputs.
        width: of an embedding; a multiple of ``heads``.
        blocks: of attention and a dense part.
        heads: of attention.
        dropout: share dropped of attention weights and of what each part of a block adds.

    Raises:
        InputError: if the width is no multiple of the heads.
    """
    if width % heads:
        raise InputError(f"text_transformer: width is {width}, expected a multiple of heads, {heads}")
    return TextTransformer(vocabulary, length, num_classes, width, blocks, heads, dropout)
