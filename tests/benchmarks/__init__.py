"""Speed as ratios within one run: machines are shared and noisy, and absolute times mean little."""
