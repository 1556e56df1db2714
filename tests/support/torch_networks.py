"""The convolutional network and the transformer in PyTorch, with the parameters of ours."""

import jax
import numpy as np
import torch
import torch.nn.functional as F

from primacy.models.transformer import visible


def tensors(params):
    """The same tree of PyTorch tensors, each a leaf of its own gradient."""
    return jax.tree.map(lambda a: torch.tensor(np.array(a), requires_grad=True), params)


def convolutional(model, params, images):
    """Outputs of `Convolutional` from tensors of its parameters; images are `n r s c`."""

    def convolved(name, x, stride):
        layer = params[name]
        kernel = layer["kernel"].permute(3, 2, 0, 1)
        edge = kernel.shape[-1] // 2
        made = F.conv2d(x, kernel, layer.get("bias"), stride=stride, padding=edge)
        if "scale" in layer:
            made = F.batch_norm(made, None, None, layer["scale"], layer["shift"], training=True)
        return made

    x = F.relu(convolved("stem", torch.tensor(np.array(images)).permute(0, 3, 1, 2), 1))
    for i in range(1, len(model.channels) + 1):
        stride = 1 if i == 1 else 2
        made = convolved(f"stage{i}b", F.relu(convolved(f"stage{i}a", x, stride)), 1)
        if model.residual:
            skip = f"stage{i}skip"
            made = made + (convolved(skip, x, stride) if skip in params else x)
        x = F.relu(made)
    return x.mean((2, 3)) @ params["output"]["kernel"] + params["output"]["bias"]


def transformer(model, params, tokens):
    """Outputs of `Transformer` from tensors of its parameters; tokens are `n l`, 0 or 1."""
    n, d = len(tokens), model.width
    values = torch.tensor(np.array(tokens)).reshape(n, -1)
    inputs, slots = len(params["position"]), len(params["slot_position"])

    def dense(layer, x):
        return x @ layer["kernel"] + layer["bias"]

    def normal(layer, x):
        return F.layer_norm(x, (d,), layer["scale"], layer["shift"])

    def embedded(part):
        return params["token"][part.long()]

    if model.mask == "queries":
        asked = params["query"].expand(n, slots, d)
    else:
        start = params["start"].expand(n, 1, d)
        asked = torch.cat([start, embedded(values[:, inputs:])], 1)
    read = embedded(values[:, :inputs]) + params["position"]
    x = torch.cat([read, asked + params["slot_position"]], 1)
    mask = torch.tensor(np.array(visible(model.mask, inputs, slots)))
    for i in range(model.depth):
        layer = params[f"layer{i + 1}"]
        seen = dense(layer["attention"], normal(layer["attention_norm"], x))
        split = seen.reshape(n, inputs + slots, 3, model.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*split, attn_mask=mask).transpose(1, 2)
        x = x + dense(layer["mixed"], mixed.reshape(x.shape))
        made = dense(layer["hidden"], normal(layer["hidden_norm"], x))
        x = x + dense(layer["written"], F.gelu(made, approximate="tanh"))
    return dense(params["output"], normal(params["norm"], x[:, inputs:]))[..., 0]
