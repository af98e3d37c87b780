"""Says what a video shows: `python3 predict.py VIDEO --model MODEL`; see --help.

The command itself is part of the package, which installs it as `movinet-predict`.
"""

from movinet.streaming import predict_command

if __name__ == "__main__":
    predict_command.run()
