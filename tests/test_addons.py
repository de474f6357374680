"""LoRAs, embeddings and upscalers are found where the README says: beside the model, whatever the
model is."""

import pytest

from sdplay.server.extras.addons import FOLDERS, beside, files_in


@pytest.fixture
def models(tmp_path):
    (tmp_path / "models/painter").mkdir(parents=True)
    (tmp_path / "models/painter/model_index.json").write_text("{}")
    (tmp_path / "models/one.safetensors").write_bytes(b"")
    for folder in FOLDERS:
        (tmp_path / "models" / folder).mkdir()
        (tmp_path / "models" / folder / "ink.safetensors").write_bytes(b"")
    return tmp_path / "models"


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("model", ["painter", "one.safetensors", "."])
def test_they_are_found_beside_every_kind_of_model(models, model, folder):
    assert list(files_in(beside([str(models / model)], folder))) == ["ink"]


def test_they_are_found_inside_a_diffusers_folder_too(models):
    (models / "painter/loras").mkdir()
    (models / "painter/loras/oil.safetensors").write_bytes(b"")
    assert list(files_in(beside([str(models / "painter")], "loras"))) == ["oil", "ink"]


def test_a_hub_id_has_nothing_beside_it():
    assert beside(["owner/name", "builtin"], "loras") == []
