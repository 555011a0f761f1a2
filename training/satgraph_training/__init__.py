"""Training of SAT-shaped segmentation models: vision network, text encoder, phantom sampler, bundle export."""
