"""CoOp (arXiv 2109.01134): learns the context tokens of a prompt, task by task.

It trains as the built-in `coop` does: the context goes on from task to task, with a new optimiser
and a new schedule for each.
"""

import math

import clbench
import torch
from torch.nn.functional import cross_entropy, normalize

#: How the backbone ends a text, and that all texts have the same context.
OPTIONS = {"suffix": ".", "shared_context": True}


class CoOp(clbench.Strategy):
    scores_unseen = True

    class Parameters:
        context_tokens: int = 16
        init_std: float = 0.02
        epochs: int = 50
        batch_size: int = 32
        lr: float = 0.002
        momentum: float = 0.9
        weight_decay: float = 5e-4
        warmup_epochs: int = 1
        warmup_lr: float = 1e-5

    def trainable_parameters(self):
        return self.parameters.context_tokens * self.backbone.info["text"]["width"]

    def start(self):
        p, width = self.parameters, self.backbone.info["text"]["width"]
        drawn = torch.Generator().manual_seed(self.setting.seed)
        self.state["context"] = p.init_std * torch.randn(p.context_tokens, width, generator=drawn)

    def encode(self, context, classes):
        """The text features of classes, of unit length: [classes, width]."""
        texts = [kind.name.replace("_", " ") for kind in classes]
        prompts = {"text.context": context[None]}  # one row, for all texts
        [embeddings] = self.backbone.forward(prompts, texts=texts, options=OPTIONS)
        return normalize(embeddings, dim=-1)

    def learn(self, task):
        p, scale = self.parameters, self.backbone.logit_scale
        features = normalize(task.features(), dim=-1)
        position = {kind.id: at for at, kind in enumerate(task.classes)}
        targets = torch.tensor([position[label] for label in task.labels.tolist()])
        context = self.state["context"].clone().requires_grad_()
        optimiser = torch.optim.SGD(
            [context], p.lr, momentum=p.momentum, weight_decay=p.weight_decay
        )
        steps = 0
        for epoch in range(p.epochs):
            past = epoch - p.warmup_epochs
            cosine = p.lr * (1 + math.cos(math.pi * past / p.epochs)) / 2
            optimiser.param_groups[0]["lr"] = p.warmup_lr if past < 0 else cosine
            for rows in torch.randperm(len(task)).split(p.batch_size):
                logits = scale * features[rows] @ self.encode(context, task.classes).T
                loss = cross_entropy(logits, targets[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                steps += 1
            task.progress(epoch + 1, p.epochs, "epoch")
        self.state["context"] = context.detach()
        return steps

    @torch.no_grad()
    def predict(self, batch):
        if batch.classes != getattr(self, "encoded_classes", None):
            self.encoded_classes = batch.classes
            self.texts = self.encode(self.state["context"], batch.classes)
        return self.backbone.logit_scale * normalize(batch.features(), dim=-1) @ self.texts.T
