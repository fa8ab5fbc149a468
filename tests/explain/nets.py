"""Small networks of ten families and one with every odd setting, all in one model: one run, one report."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.vgg import VGG, make_layers


class Inception(nn.Module):
    """Branches side by side: convolutions, an average and a max pooling that reach over the edge."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(8, eps=0.001)
        self.one = nn.Conv2d(8, 6, 1)
        self.five = nn.Conv2d(8, 5, 5, padding=2)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.after = nn.Conv2d(8, 4, 1)
        self.down = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.last = nn.Conv2d(15, 10, 3)
        self.fc = nn.Linear(10, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.stem(x)), inplace=True)
        x = self.down(torch.cat([F.relu(self.one(x)), F.relu(self.five(x)), F.relu(self.after(self.pool(x)))], 1))
        return self.fc(F.relu(self.last(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Odd(nn.Module):
    """Groups, dilation, padding modes, sides that differ, transposed, a function's weights, norms of one image, odd activations."""

    def __init__(self) -> None:
        super().__init__()
        self.reflect = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 2), padding_mode="reflect")
        self.act = nn.PReLU(8)
        self.grouped = nn.Conv2d(8, 12, (1, 3), padding=(0, 2), dilation=(1, 2), groups=4, padding_mode="replicate")
        self.group_norm = nn.GroupNorm(3, 12)
        self.silu = nn.SiLU()
        self.circular = nn.Conv2d(12, 12, 3, padding=1, groups=12, padding_mode="circular")
        self.layer_norm = nn.LayerNorm([12, 16, 32])
        self.gelu = nn.GELU()
        self.down = nn.AdaptiveMaxPool2d((5, 7))
        self.up = nn.ConvTranspose2d(12, 6, (4, 3), stride=(2, 3), padding=1, output_padding=(1, 0))
        self.weight = nn.Parameter(torch.randn(7, 6, 3, 3) * 0.2)
        self.scale = nn.Parameter(torch.randn(7, 1, 1))
        self.fc = nn.Linear(7 * 3 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.reflect(x))
        x = self.silu(self.group_norm(self.grouped(x)))
        x = self.down(self.gelu(self.layer_norm(self.circular(x))))
        x = F.hardswish(F.conv2d(self.up(x), self.weight, stride=2) * self.scale)
        return self.fc(F.adaptive_avg_pool2d(x, (3, 4)).flatten(1))  # type: ignore[no-any-return]


class Attends(nn.Module):
    """Attention as timm writes it: queries, keys and values from one layer, a function, a projection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        out = F.scaled_dot_product_attention(4 * q, k, v)
        return self.proj(out.transpose(1, 2).reshape(n, tokens, width))  # type: ignore[no-any-return]


class Fused(nn.Module):
    """A transformer's block with two tokens without a place, and norms by the mean square."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 18, 8, 6)
        self.own = nn.Parameter(torch.randn(1, 2, 18))
        self.places = nn.Parameter(torch.randn(1, 27, 18))
        self.norm1 = nn.LayerNorm(18, eps=1e-6)
        self.attn = Attends(18, 3)
        self.gamma = nn.Parameter(torch.rand(18))
        self.norm2 = nn.RMSNorm(18)
        self.fc1 = nn.Linear(18, 30)
        self.fc2 = nn.Linear(30, 18)
        self.fc = nn.Linear(18, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.own.expand(len(x), -1, -1), x], 1) + self.places
        x = x + self.attn(self.norm1(x)) * self.gamma
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.fc(x[:, 0])  # type: ignore[no-any-return]


class Response(nn.Module):
    """Response norms: a module's over an odd number of channels, a function's over an even one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 12, 5, 2)
        self.norm = nn.LocalResponseNorm(5, 0.5, 0.6, 2.0)
        self.second = nn.Conv2d(12, 9, 3)
        self.fc = nn.Linear(9, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.norm(F.relu(self.first(x))))
        return self.fc(F.local_response_norm(x, 4, alpha=0.3).mean((2, 3)))  # type: ignore[no-any-return]


class Shuffle(nn.Module):
    """Channels dealt out anew: by hand, behind a concatenation, and by a module."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, 2)
        self.two = nn.Conv2d(3, 8, 3, 2)
        self.mixed = nn.Conv2d(12, 12, 1, groups=2)
        self.shuffle = nn.ChannelShuffle(4)
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.one(x), F.relu(self.two(x))], 1)
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.fc(self.shuffle(self.mixed(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Families(nn.Module):
    """Their scores summed: every family runs on the same image."""

    def __init__(self) -> None:
        super().__init__()
        self.mobile = torchvision.models.MobileNetV2(10, 0.25, [[1, 16, 1, 1], [6, 24, 2, 2]], dropout=0.1)
        self.res = ResNet(BasicBlock, [1, 1, 1, 1], 10)
        self.dense = DenseNet(8, (2, 2), 16, num_classes=10)
        self.vgg = VGG(make_layers([8, "M", 12, "M", 12, "M"]), 10, init_weights=False)
        self.vgg.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.vgg.classifier = nn.Sequential(nn.Linear(48, 24), nn.ReLU(True), nn.Dropout(), nn.Linear(24, 10))
        self.inception = Inception()
        self.convnext = ConvNeXt([CNBlockConfig(12, 20, 1), CNBlockConfig(20, None, 1)], num_classes=10)
        self.odd = Odd()
        self.vit = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 24, num_classes=10)
        self.fused = Fused()
        self.response = Response()
        self.shuffle = Shuffle()

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.mobile, self.res, self.dense, self.vgg, self.inception, self.convnext, self.odd, self.vit, self.fused, self.response, self.shuffle]  # fmt: skip
        return torch.stack([part(x) for part in parts]).sum(0)


def families() -> nn.Module:
    """The model with random weights and statistics, the same each time."""
    torch.manual_seed(0)
    model = Families()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.3)
        elif isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
    return model.eval()


class Few(nn.Module):
    """Attention in two ways, a response norm and shuffles: their scores summed."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 24, num_classes=10)
        self.fused = Fused()
        self.response = Response()
        self.shuffle = Shuffle()

    def forward(self, x: Tensor) -> Tensor:
        return self.vit(x) + self.fused(x) + self.response(x) + self.shuffle(x)  # type: ignore[no-any-return]


def few() -> nn.Module:
    """The model with random weights, the same each time; what torchvision starts at zero too."""
    torch.manual_seed(0)
    model = Few()
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.0, 0.4)
    return model.eval()
