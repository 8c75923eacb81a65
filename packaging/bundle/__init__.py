"""Makes the packaged app: the bundle, what it says about itself, and the installer."""
