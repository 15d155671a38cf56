"""The laws' tiny networks serve here, too."""

from tests.laws.conftest import tiny_networks as tiny_networks
