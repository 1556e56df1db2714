"""The notebook's network in Lightning: Linear(1, 8), ReLU, Linear(8, 1), Adam, batches of one.

`--as bare` turns off what a user may turn off (log, bar, checkpoints); `--as usual` leaves it on.
Prints the seconds of `fit` and how many steps it took.
"""

import argparse
import json
import logging
import tempfile
import time
import warnings

import lightning
import torch
from torch import nn


class Stream(torch.utils.data.Dataset):
    """y is drawn afresh at every access."""

    def __len__(self):
        return 800

    def __getitem__(self, _):
        y = torch.randn(1)
        return y, y


class Net(lightning.LightningModule):
    def __init__(self, told):
        super().__init__()
        self.told = told
        self.body = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))

    def training_step(self, batch, _):
        x, y = batch
        loss = nn.functional.mse_loss(self.body(x), y)
        if self.told:
            self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as", choices=("bare", "usual"), required=True)
    parser.add_argument("--epochs", type=int, default=5)
    asked = parser.parse_args()
    usual = getattr(asked, "as") == "usual"
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    off = (
        {}
        if usual
        else {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    )
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=asked.epochs,
            accelerator="cpu",
            default_root_dir=folder,
            enable_model_summary=False,
            **off,
        )
        loader = torch.utils.data.DataLoader(Stream(), batch_size=1)
        network = Net(usual)
        began = time.perf_counter()
        trainer.fit(network, loader)
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "steps": trainer.global_step}))


if __name__ == "__main__":
    main()
