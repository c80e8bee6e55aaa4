# docker build -t biome-interpret .                          PyPI's PyTorch, for CUDA
# docker build -t biome-interpret --build-arg TORCH=cpu .    a smaller one, for the CPU
# docker run --rm -v "$PWD:/work" biome-interpret interpret model.tar.gz texts.jsonl --html page.html
ARG PYTHON=3.13
FROM python:${PYTHON}-slim
ARG TORCH=
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
COPY . /biome_interpret
RUN TORCH="$TORCH" /biome_interpret/scripts/install.sh
WORKDIR /work
ENTRYPOINT ["biome-interpret"]
