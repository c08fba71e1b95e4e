"""The backbone's differentiable call, on a host that computes tanh(prompt · weight)."""

import gc
import unittest

try:
    import torch
except ImportError:
    torch = None

from clbench.backbone import Backbone
from clbench.wire import Received


def received(tensor):
    data = bytearray(tensor.detach().contiguous().numpy().tobytes())
    return Received("f32", list(tensor.shape), data)


class Host:
    """Keeps forward passes until their pullbacks run, once, or until they are released."""

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        self.weight = torch.randn(3, 2, generator=generator)
        self.kept, self.released, self.forwards = {}, [], 0

    def ask(self, message):
        with torch.enable_grad():
            if message["ask"] == "forward":
                prompt = message["prompts"][0]["prompt"].clone().requires_grad_()
                output = torch.tanh(prompt @ self.weight)
                self.forwards += 1
                self.kept[self.forwards] = (prompt, output)
                return {"outputs": [received(output)], "pullback": self.forwards}
            prompt, output = self.kept.pop(message["pullback"])
            gradient = message["gradients"][0]["gradient"]
            (pulled,) = torch.autograd.grad(output, prompt, gradient)
            return {"gradients": [received(pulled)]}

    def release(self, pullback):
        self.released.append(pullback)


@unittest.skipIf(torch is None, "torch is not installed")
class BackboneTests(unittest.TestCase):
    def setUp(self):
        self.host = Host()
        self.backbone = Backbone(self.host, 0, {"embedding_width": 2})
        self.prompt = torch.randn(2, 3, requires_grad=True)

    def forward(self, prompt):
        (output,) = self.backbone.forward({"text.context": prompt}, texts=["a", "b"])
        return output

    def test_gradients_are_those_of_the_host(self):
        expected = torch.tanh(self.prompt @ self.host.weight)
        (wanted,) = torch.autograd.grad(expected.square().sum(), self.prompt)
        output = self.forward(self.prompt)
        torch.testing.assert_close(output, expected)
        output.square().sum().backward()
        torch.testing.assert_close(self.prompt.grad, wanted)
        self.assertEqual((self.host.kept, self.host.released), ({}, []))

    def test_a_second_backward_computes_the_forward_pass_again(self):
        output = self.forward(self.prompt).sum()
        output.backward(retain_graph=True)
        output.backward()
        self.assertEqual(self.host.forwards, 2)
        expected = torch.autograd.grad(
            torch.tanh(self.prompt @ self.host.weight).sum(), self.prompt
        )
        torch.testing.assert_close(self.prompt.grad, 2 * expected[0])

    def test_double_backward_is_refused(self):
        output = self.forward(self.prompt).square().sum()
        (gradient,) = torch.autograd.grad(output, self.prompt, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "once_differentiable"):
            gradient.sum().backward()

    def test_a_dropped_graph_releases_its_pullback(self):
        self.forward(self.prompt)
        gc.collect()
        self.assertEqual(self.host.released, [1])


if __name__ == "__main__":
    unittest.main()
