"""The host's frozen model, as a strategy calls it."""

import sys
import weakref
from typing import Any, Dict, List, Optional, Sequence


class Backbone:
    """A frozen pre-trained model, which the host computes."""

    def __init__(self, host, number: int, info: Dict[str, Any]):
        self._host, self._number = host, number
        #: What the backbone says of itself: `embedding_width`, `logit_scale`, `sites`, ….
        self.info = info

    @property
    def embedding_width(self) -> int:
        """The width of embeddings."""
        return self.info["embedding_width"]

    @property
    def logit_scale(self) -> float:
        """The factor of cosines in logits, such as 100."""
        scale = self.info.get("logit_scale")
        if scale is None:
            raise RuntimeError("this backbone does not compare images with texts")
        return scale

    def texts(self, names: Sequence[str], templates: Optional[Sequence[str]] = None):
        """Text embeddings, f32 [names, width].

        Without templates the names are encoded as they are, and embeddings are not normalised. With
        templates, such as `a photo of a {}`, they have unit length: the normalised mean over the
        templates of normalised embeddings, as in CLIP.
        """
        if templates is None:
            return self._ask("texts", texts=list(names))
        if not templates:
            raise ValueError("give at least one template, such as `a photo of a {}`")
        total = 0
        for template in templates:
            filled = [template.replace("{}", name.replace("_", " ")) for name in names]
            total = total + _unit(self._ask("texts", texts=filled))
        return _unit(total)

    def images(self, pixels):
        """Image embeddings, f32 [images, width], of u8 [images, 3, height, width]."""
        return self._ask("encode", images=pixels)

    def forward(
        self,
        prompts: Dict[str, Any],
        texts: Optional[Sequence[str]] = None,
        images=None,
        rows: Optional[Sequence[int]] = None,
        place: str = "front",
        outputs: Sequence[str] = ("embedding",),
        options: Optional[Dict[str, Any]] = None,
    ) -> List[Any]:
        """Outputs with prompts at their sites, differentiable with respect to the prompts.

        `prompts` has torch tensors by site, such as `{"text.context": [rows, tokens, width]}`; one
        row, `[1, tokens, width]`, is for all rows. The inputs are `texts`, where `rows` has the text
        of each row (by default each text once), or `images`. A second backward pass computes the
        forward pass again.
        """
        import torch

        if (texts is None) == (images is None):
            raise ValueError("give either `texts` or `images`")
        call = {"outputs": list(outputs), "options": options or {}}
        if texts is not None:
            rows = range(len(texts)) if rows is None else rows
            call.update(texts=list(texts), rows=[int(row) for row in rows], place=place)
        else:
            call["images"] = images
        sites = list(prompts)
        function = _function(torch)
        return list(function.apply(self, call, sites, *prompts.values()))

    def _ask(self, what, **arguments):
        answer = self._host.ask({"ask": what, "backbone": self._number, **arguments})
        return answer["tensor"].native()


def _unit(rows):
    if "torch" in sys.modules:
        return rows / rows.norm(dim=-1, keepdim=True)
    import numpy

    return rows / numpy.linalg.norm(rows, axis=-1, keepdims=True)


class _Pullback:
    """A forward pass that the host keeps until its pullback runs, or until nobody needs it."""

    def __init__(self, backbone, call, prompts):
        self.backbone, self.call, self.prompts = backbone, call, prompts
        self.release = None

    def forward(self):
        host = self.backbone._host
        message = {"ask": "forward", "backbone": self.backbone._number, "prompts": self.prompts}
        answer = host.ask({**message, **self.call})
        number = answer["pullback"]
        self.number = number
        self.release = weakref.finalize(self, host.release, number)
        return [output.torch() for output in answer["outputs"]]

    def pull(self, gradients):
        if self.release is None or not self.release.alive:
            self.forward()
        self.release.detach()
        message = {"ask": "pullback", "pullback": self.number, "gradients": gradients}
        answer = self.backbone._host.ask(message)
        return [gradient.torch() for gradient in answer["gradients"]]


_FUNCTION = None


def _function(torch):
    """The autograd function, defined when torch is there."""
    global _FUNCTION
    if _FUNCTION is not None:
        return _FUNCTION

    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(context, backbone, call, sites, *prompts):
            named = [{"site": site, "prompt": prompt.float()} for site, prompt in zip(sites, prompts)]
            context.pullback = _Pullback(backbone, call, named)
            context.devices = [(prompt.device, prompt.dtype) for prompt in prompts]
            outputs = context.pullback.forward()
            context.set_materialize_grads(False)
            return tuple(output.to(context.devices[0][0]) for output in outputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(context, *gradients):
            names = context.pullback.call["outputs"]
            given = [
                {"output": name, "gradient": gradient.float()}
                for name, gradient in zip(names, gradients)
                if gradient is not None
            ]
            pulled = context.pullback.pull(given)
            back = [
                gradient.to(device=device, dtype=dtype)
                for gradient, (device, dtype) in zip(pulled, context.devices)
            ]
            return (None, None, None, *back)

    _FUNCTION = Forward
    return Forward
