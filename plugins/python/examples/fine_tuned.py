"""A small convolutional network of its own, trained on images without a backbone's features.

Nothing keeps it from forgetting: it is here to show training on images, augmentation, and a state
that is a module's.
"""

import clbench
import torch
from torch import nn


class FineTuned(clbench.Strategy):
    class Parameters:
        width: int = 16
        epochs: int = 5
        batch_size: int = 32
        lr: float = 1e-3

    def trainable_parameters(self):
        return sum(parameter.numel() for parameter in self.network().parameters())

    def network(self):
        layers, channels = [], 3
        for width in (self.parameters.width * factor for factor in (1, 2, 4)):
            layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ReLU()]
            channels = width
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, *pooled, nn.Linear(channels, self.setting.classes))

    def start(self):
        self.model = self.network()

    def learn(self, task):
        p, steps = self.parameters, 0
        optimiser = torch.optim.Adam(self.model.parameters(), p.lr)
        for epoch in range(p.epochs):
            for rows in torch.randperm(len(task)).split(p.batch_size):
                images = task.images(rows, draw=epoch)  # augmented if the stream says so
                logits = self.model(images.float() / 255)
                loss = nn.functional.cross_entropy(logits, task.labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                steps += 1
            task.progress(epoch + 1, p.epochs, "epoch")
        return steps

    @torch.no_grad()
    def predict(self, batch):
        logits = self.model(batch.images().float() / 255)
        return logits[:, [kind.id for kind in batch.classes]]

    def state_dict(self):
        return self.model.state_dict()

    def load_state_dict(self, state):
        self.model.load_state_dict(state)
