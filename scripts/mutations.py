"""
What `mutate.py` breaks: at least one mutation for each promise and each invariant of the project.

A mutation that no test notices is a gap in the tests. Do not weaken the mutation: add a test.
"""

from typing import List, NamedTuple, Tuple


class Mutation(NamedTuple):
    """
    name : what is broken.
    old : text that the file has exactly once.
    new : what takes its place.
    file : from the root of the repository.
    tests : the paths that go to pytest, as few as should notice.
    """

    name: str
    old: str
    new: str
    file: str
    tests: Tuple[str, ...]


MUTATIONS: List[Mutation] = []

FINITE_DIFFERENCES = "tests/kinds/test_kinds.py::test_gradient_is_that_of_finite_differences"


def mutation(name: str, old: str, new: str, file: str, tests: Tuple[str, ...]) -> None:
    MUTATIONS.append(Mutation(name, old, new, file, tests))


# Quadrature: the weights sum to one, the nodes are the rule's.
QUADRATURE = "biome_interpret/attribution/quadrature.py", ("tests/attribution/test_quadrature.py",)
mutation(
    "legendre-nodes",
    "leggauss(n)\n    return (nodes + 1) / 2",
    "leggauss(n)\n    return (nodes + 1) / 2.001",
    *QUADRATURE,
)
mutation("radau-weights", "weights = (1 + nodes) /", "weights = (1 - nodes) /", *QUADRATURE)
mutation(
    "riemann-left-nodes",
    "return numpy.arange(n) / n,",
    "return numpy.arange(1, n + 1) / n,",
    *QUADRATURE,
)
mutation(
    "riemann-middle-nodes", "(numpy.arange(n) + 0.5) / n,", "numpy.arange(n) / n,", *QUADRATURE
)
mutation("trapezoid-ends", "weights[[0, -1]] /= 2", "weights[[0]] /= 2", *QUADRATURE)

# Random paths: no bias, and an honest standard error.
SAMPLING = "biome_interpret/attribution/sampling.py", ("tests/attribution/test_sampling.py",)
mutation(
    "mirror-image-noise", "(drawn, 1 - drawn), (1, -1)", "(drawn, 1 - drawn), (1, 1)", *SAMPLING
)
mutation(
    "mirror-image-position", "(drawn, 1 - drawn), (1, -1)", "(drawn, drawn), (1, -1)", *SAMPLING
)
mutation(
    "draw-weights", "stratum.share / stratum.size", "1.01 * stratum.share / stratum.size", *SAMPLING
)
mutation(
    "standard-error-shares", "stratum.share**2 * units.var", "stratum.share * units.var", *SAMPLING
)
mutation(
    "standard-error-bias", "unbiased=True) / len(units)", "unbiased=False) / len(units)", *SAMPLING
)
mutation("joined-shares", "share * size / sum(sizes)", "share / len(sizes)", *SAMPLING)

# From positions to tokens to shares.
NORMALIZATION = (
    "biome_interpret/attribution/normalization.py",
    ("tests/interpreters/test_options.py", "tests/interpreters/test_integrated_gradient.py"),
)
mutation(
    "shares-are-absolute",
    "scaled = [abs(score) / largest",
    "scaled = [score / largest",
    *NORMALIZATION,
)
mutation("shares-add-up", "total = sum(scaled)", "total = max(scaled)", *NORMALIZATION)

AGGREGATION = (
    "biome_interpret/attribution/aggregation.py",
    ("tests/attribution/test_aggregation.py", "tests/interpreters/test_options.py"),
)
mutation(
    "word-mean",
    "torch.full_like(scores, 1 / len(scores))",
    "torch.full_like(scores, 1.0)",
    *AGGREGATION,
)
mutation("word-signed-max", "scores.abs().argmax()", "scores.argmax()", *AGGREGATION)
mutation("reduction-mean-abs", "vectors.abs().mean(dim=-1)", "vectors.mean(dim=-1)", *AGGREGATION)

# Alignment: each position belongs to the right token.
TOKEN_ALIGNMENT = (
    "biome_interpret/models/alignment/token_alignment.py",
    ("tests/models/alignment/test_token_alignment.py", "tests/models/embedding/test_sites.py"),
)
mutation(
    "start-tokens",
    "[UNOWNED] * num_start + list(range(num_tokens))",
    "list(range(num_tokens)) + [UNOWNED] * num_start",
    *TOKEN_ALIGNMENT,
)
mutation(
    "folded-end",
    "owners[-end:] = tokens[num_tokens - end :]",
    "owners[-end:] = tokens[:end]",
    *TOKEN_ALIGNMENT,
)
mutation(
    "word-pieces",
    "[token] * (span[1] + 1 - span[0])",
    "[token] + [UNOWNED] * (span[1] - span[0])",
    *TOKEN_ALIGNMENT,
)
mutation(
    "tokens-of-later-texts",
    "owners[owners >= 0] += first_token",
    "owners[owners >= 0] += 0",
    *TOKEN_ALIGNMENT,
)

SPECIAL_TOKENS = (
    "biome_interpret/models/alignment/special_tokens.py",
    ("tests/models/alignment", "tests/interpreters/test_options.py"),
)
mutation(
    "unknown-word-is-a-word",
    "specials -= {tokenizer.unk_token, tokenizer.mask_token}",
    "specials -= set()",
    *SPECIAL_TOKENS,
)

SEGMENTS = "biome_interpret/models/alignment/segments.py", ("tests/models/alignment",)
mutation(
    "word-piece-mark",
    'lambda before, token: str(token.text).startswith("##")',
    "lambda before, token: False",
    *SEGMENTS,
)
mutation("bracket-after-full-stop", "opens = len(sentence) > 1 and", "opens = False and", *SEGMENTS)

# Embedding sites: each traced call is replaced exactly as often as it was traced.
ID_POSITIONS = "biome_interpret/models/embedding/id_positions.py", ("tests/models/embedding",)
mutation(
    "matching-added-ids",
    "positions[given.cpu() != 0] = ADDED",
    "positions[given.cpu() != 0] = NOWHERE",
    *ID_POSITIONS,
)
mutation("matching-shifts", "_SHIFTS = (0, 1, -1, 2, -2)", "_SHIFTS = (0,)", *ID_POSITIONS)
mutation(
    "matching-same-ids",
    "if not own_real.any() or not bool((same | ~(own_real & given_real)).all()):",
    "if not own_real.any():",
    *ID_POSITIONS,
)

FINDERS = (
    "biome_interpret/models/embedding/finders.py",
    (FINITE_DIFFERENCES, "tests/interpreters/test_options.py"),
)
mutation(
    "finder-of-nearest-class",
    "for parent in type(module).__mro__:",
    "for parent in reversed(type(module).__mro__):",
    *FINDERS,
)
mutation("elmo-boundaries", "boundaries=1", "boundaries=0", *FINDERS)
mutation(
    "xlnet-is-transposed",
    "transposed = isinstance(module, XLNetPreTrainedModel)",
    "transposed = False",
    FINDERS[0],
    ("tests/models/embedding/test_sites.py",),
)
mutation(
    "positions-are-no-site",
    "if not _POSITIONS.search(child_name):",
    "if child_name:",
    FINDERS[0],
    ("tests/models/embedding/test_finders.py",),
)
mutation(
    "words-are-looked-up-in-copies",
    "for part in [lookup, *_sharing_its_matrix(module, lookup)]:",
    "for part in [lookup]:",
    FINDERS[0],
    ("tests/models/embedding/test_finders.py",),
)
mutation(
    "vectors-that-are-the-same-for-other-words",
    "if one.call is not None and _embeds_no_words(sites[one.site], one, runs[0][i]):",
    "if False:",
    "biome_interpret/models/embedding/verification.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[places by the ids]",),
)
mutation(
    "noise-of-copies",
    "number=numbers.setdefault(id(owner), len(numbers))",
    "number=len(numbers)",
    "biome_interpret/models/embedding/sites.py",
    ("tests/models/embedding/test_sites.py",),
)
mutation(
    "scale-of-the-lookup",
    "replace(given, output / self.scale)",
    "replace(given, output)",
    "biome_interpret/models/embedding/sites.py",
    ("tests/models/embedding/test_sites.py",),
)
mutation(
    "unknown-embedder-has-a-note",
    "yield EmbeddingSite(name, module, note=note)",
    "yield EmbeddingSite(name, module)",
    *FINDERS,
)

# Baselines: where paths begin, and what they do not move.
BASELINE = (
    "biome_interpret/models/baselines/baseline.py",
    ("tests/models/baselines", "tests/interpreters/test_options.py"),
)
mutation(
    "default-baseline",
    "ConstantBaseline(value or 0.0)",
    "ConstantBaseline(value or 0.1)",
    *BASELINE,
)
mutation(
    "baseline-of-special-pieces",
    "owned = (owners >= 0).unsqueeze(-1)",
    "owned = (owners >= -9).unsqueeze(-1)",
    *BASELINE,
)
mutation("baseline-is-finite", "if not abs(value) < _LARGEST:", "if False:", *BASELINE)

PATH_STARTS = (
    "biome_interpret/models/baselines/path_starts.py",
    ("tests/models/baselines", "tests/interpreters/test_options.py"),
)
mutation(
    "special-tokens-are-held",
    "moving &= call.owners != UNOWNED",
    "moving &= call.owners != 99",
    *PATH_STARTS,
)
mutation(
    "padding-is-held", "moving = call.owners != PADDING", "moving = call.owners != 99", *PATH_STARTS
)

BACKGROUND = (
    "biome_interpret/models/baselines/background.py",
    ("tests/interpreters/test_options.py",),
)
mutation(
    "background-is-filled-with-padding",
    "filled += self._padding(call)",
    "filled += self._padding(call) + 1",
    *BACKGROUND,
)

NOISE = (
    "biome_interpret/models/baselines/noise.py",
    ("tests/interpreters/test_gradient_shap.py", "tests/interpreters/test_batching.py"),
)
mutation(
    "noise-of-mirror-images",
    "path.noise.sign * path.noise.std * spread",
    "path.noise.std * spread",
    PATH_STARTS[0],
    NOISE[1],
)
mutation(
    "noise-without-padding",
    "call.owners[instance] != PADDING",
    "call.owners[instance] != 99",
    *NOISE,
)
mutation(
    "noise-differs-by-field",
    "call.site.number, *call.key.field.encode()]",
    "call.site.number]",
    *NOISE,
)
mutation(
    "noise-is-relative",
    "self._spread(call, instance) if path.noise.relative else 1.0",
    "1.0",
    PATH_STARTS[0],
    NOISE[1],
)

# Objectives: the explained output belongs to the target, and a positive score speaks for it.
LOSS = (
    "biome_interpret/models/objectives/loss.py",
    ("tests/models/objectives", "tests/interpreters/test_integrated_gradient.py"),
)
mutation(
    "sign-of-the-loss",
    "return -loss.sum().reshape(1)",
    "return loss.sum().reshape(1)",
    *LOSS,
)
mutation("loss-is-checked", "if abs(found - total) > bound and", "if False and", *LOSS)

INFERENCE_MODES = (
    "biome_interpret/models/objectives/inference_modes.py",
    ("tests/models/objectives", "tests/interpreters/test_integrated_gradient.py"),
)
mutation(
    "softmax-is-a-probability",
    "return super().__call__(outputs, choices).exp()",
    "return super().__call__(outputs, choices)",
    *INFERENCE_MODES,
)
mutation(
    "masked-choices",
    "chosen.masked_fill(~self.mask, 0.0)",
    "chosen",
    *INFERENCE_MODES,
)
mutation(
    "chosen-class",
    "scores.gather(-1, self.indices.unsqueeze(-1)).squeeze(-1)",
    "scores.max(dim=-1).values",
    *INFERENCE_MODES,
)

LABELS = (
    "biome_interpret/models/objectives/tasks/labels.py",
    ("tests/models/objectives", "tests/models/labelling", "tests/interpreters/test_options.py"),
)
mutation(
    "yes-and-no",
    "torch.stack([torch.zeros_like(logits), logits], dim=-1)",
    "torch.stack([logits, torch.zeros_like(logits)], dim=-1)",
    *LABELS,
)
mutation(
    "target-outside",
    "if not self.has_checked_labels and int(indices.max()) >= logits.size(-1):",
    "if False:",
    LABELS[0],
    ("tests/kinds/others/test_others.py",),
)

REGISTRY = (
    "biome_interpret/models/registry.py",
    ("tests/models/objectives/test_selection.py", "tests/models/labelling/test_labelling.py"),
)
mutation(
    "priorities-order-classes",
    'key=lambda cls: vars(cls).get("priority", 0), reverse=True',
    "key=lambda cls: 0",
    *REGISTRY,
)
mutation(
    "a-configuration-calls-no-function",
    "if isinstance(found, type) and issubclass(found, base):",
    "if found is not None:",
    REGISTRY[0],
    ("tests/interpreters/test_option_values.py",),
)
mutation("priorities-are-not-inherited", 'vars(cls).get("priority", 0)', "cls.priority", *REGISTRY)

# Labelling: names and labels are the model's own.
TAGS = (
    "biome_interpret/models/labelling/tasks/tags.py",
    ("tests/models/labelling", "tests/interpreters/test_integrated_gradient.py"),
)
mutation(
    "span-of-one-type",
    "if prefix in _CONTINUE and opened == name:",
    "if prefix in _CONTINUE and opened:",
    *TAGS,
)
mutation(
    "tags-of-padding-are-cut",
    "return max(lengths) if is_padded else num_tags",
    "return num_tags",
    *TAGS,
)
mutation("one-span-at-a-time", "tag if first <= i <= last else OUTSIDE", "tag", *TAGS)
mutation(
    "outside-does-not-count",
    'fields["ignore_loss_on_o_tags"] = FlagField(True)',
    'fields["ignore_loss_on_o_tags"] = FlagField(False)',
    *TAGS,
)

PREDICTED_LABELS = (
    "biome_interpret/models/labelling/tasks/labels.py",
    ("tests/models/labelling", "tests/interpreters/test_integrated_gradient.py"),
)
mutation(
    "predicted-label",
    "int(first.argmax()) if first.size > 1",
    "int(first.argmin()) if first.size > 1",
    *PREDICTED_LABELS,
)
mutation(
    "probable-labels",
    'threshold = 0.0 if first_name.endswith("logits") else 0.5',
    "threshold = 0.9",
    *PREDICTED_LABELS,
)

TARGETS = (
    "biome_interpret/models/labelling/targets.py",
    ("tests/models/labelling", "tests/interpreters/test_options.py"),
)
mutation("gold-once", "found += [] if position else _gold(", "found += _gold(", *TARGETS)
mutation(
    "numbers-that-are-names",
    "str(int(self)) if str(int(self)) in names else int(self)",
    "int(self)",
    *TARGETS,
)

# Isolation: the predictor afterwards is the predictor before.
THREADS = ("tests/interpreters/test_isolation.py",)
ISOLATED = "biome_interpret/models/isolation/isolated.py", ("tests/models/isolation",)
mutation(
    "requires-grad-is-restored",
    "parameter.requires_grad = True",
    "parameter.requires_grad = False",
    *ISOLATED,
)
mutation(
    "training-mode-is-restored", "module.training = True", "module.training = False", *ISOLATED
)
mutation(
    "metrics-are-restored",
    "copy.deepcopy(vars(metric), {id(model.vocab): model.vocab})",
    "dict(vars(metric))",
    *ISOLATED,
)
mutation(
    "one-thread-at-a-time",
    "_model_locks.setdefault(model, threading.RLock())",
    "threading.RLock()",
    ISOLATED[0],
    THREADS,
)
mutation(
    "default-type-is-restored", "torch.set_default_dtype(self._default_dtype)", "pass", *ISOLATED
)

mutation(
    "all-is-restored-twice",
    "            finally:\n                state.restore()",
    "            finally:\n                pass",
    *ISOLATED,
)
mutation(
    "training-meanwhile-is-refused", "state.refuse_training()\n", "pass\n", ISOLATED[0], THREADS
)
mutation(
    "models-are-restored-after-a-fork",
    "            state.restore_model()\n            _changed.remove(state)",
    "            _changed.remove(state)",
    *ISOLATED,
)

RANDOM_STATES = "biome_interpret/models/isolation/random_states.py", ("tests/models/isolation",)
mutation("random-state-of-torch", "torch.set_rng_state(self._torch)", "pass", *RANDOM_STATES)

ENCODER_STATES = (
    "biome_interpret/models/isolation/encoder_states.py",
    ("tests/models/isolation", FINITE_DIFFERENCES),
)
mutation("encoder-states-are-restarted", "encoder.restart(num_rows)\n", "pass\n", *ENCODER_STATES)
mutation(
    "encoder-states-hang-together",
    "state.index_select(1, restoration_indices) for",
    "state.index_select(1, restoration_indices).detach() for",
    *ENCODER_STATES,
)

PATCHING = "biome_interpret/models/isolation/patching.py", ("tests/models/isolation",)
mutation(
    "other-threads-are-not-patched",
    "self.wrappers_of(threading.get_ident())",
    "sum(self._wrappers_by_thread.values(), ())",
    *PATCHING,
)
mutation("own-method-is-put-back", "elif self._own_method is not None:", "elif False:", *PATCHING)

# Rows: a text's scores in a batch are its scores alone.
PROBING = (
    "biome_interpret/models/execution/probing.py",
    ("tests/models/execution/test_probing.py", "tests/interpreters/test_batching.py"),
)
mutation(
    "gradients-of-rows-are-compared",
    "if same_gradients(alone.gradients, together.gradients, row, len(probes) ** reduction):",
    "if True:",
    *PROBING,
)
mutation(
    "another-row-than-the-first-is-compared",
    "(_PROBES[::-1], len(_PROBES) - 1)]",
    "(_PROBES, 0)]",
    *PROBING,
)
mutation(
    "a-log-probability-near-0-is-rounded-as-its-logits",
    "size = max(abs(above), abs(below), batch.objective.least_size)",
    "size = max(abs(above), abs(below))",
    "biome_interpret/models/execution/gradient_check.py",
    ("tests/models/execution/test_honesty.py",),
)
mutation(
    "the-loss-of-a-margin-has-no-softmax",
    "if self._is_linear(name):",
    "if False:",
    "biome_interpret/models/evidence/label_contrasts.py",
    ("tests/interpreters/test_outputs.py",),
)
mutation(
    "the-loss-shows-whether-a-text-has-several-labels",
    "return None if is_known is None else none if is_known else one",
    "return None",
    "biome_interpret/models/labelling/labels_by_loss.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[several labels, logits only]",),
)
mutation(
    "a-predictor-of-its-own-is-compared",
    "if method is None or getattr(_running",
    "if True or getattr(_running",
    "biome_interpret/models/labelling/own_prediction.py",
    ("tests/models/labelling/test_own_prediction.py",),
)
mutation(
    "background-texts-are-embedded-in-each-call",
    "self._explainer.forget_background()",
    "pass",
    "biome_interpret/interpreters/engine/pipeline.py",
    ("tests/interpreters/test_integrated_gradient.py",),
)
mutation(
    "padding-is-probed",
    "is_same = close(own, own.new_tensor([value]), size_of(own, batch.objective))",
    "is_same = True",
    *PROBING,
)
mutation(
    "probabilities-of-padded-texts-are-compared",
    "is_close_probability(batch.probabilities[0], probability)",
    "True",
    "biome_interpret/models/execution/probing.py",
    ("tests/interpreters/test_outputs.py",),
)

TENSORS = (
    "biome_interpret/models/tensors.py",
    ("tests/models/test_tensors.py", "tests/interpreters/test_batching.py"),
)
mutation("rows-of-lists", "[value[row] for row in rows]", "value", *TENSORS)

BATCHING = (
    "biome_interpret/models/execution/batching.py",
    ("tests/models/execution/test_batching.py", "tests/interpreters/test_batching.py"),
)
mutation(
    "padding-that-cannot-be-tried-is-not-harmless",
    "return self.padding_matters is False",
    "return not self.padding_matters",
    "biome_interpret/models/execution/probing.py",
    ("tests/interpreters/test_batching.py",),
)
mutation(
    "memory-bounds-a-pass",
    "min(positions, int(share / bytes_per_position))",
    "positions",
    *BATCHING,
)
mutation(
    "passes-are-halved",
    "rows_per_pass = (len(chunk) + 1) // 2",
    "rows_per_pass, start = (len(chunk) + 1) // 2, start + 1",
    *BATCHING,
)
mutation("only-memory-halves-passes", "or not is_out_of_memory(error)", "or False", *BATCHING)

PATH_INTEGRAL = (
    "biome_interpret/interpreters/engine/rows/path_integral.py",
    ("tests/models/execution/test_probing.py", "tests/interpreters/test_batching.py"),
)
mutation(
    "an-estimated-error-is-a-number",
    "share = math.inf if vanishes else error / found.size",
    "share = error / (found.size or 1.0)",
    PATH_INTEGRAL[0],
    ("tests/interpreters/test_tolerance.py",),
)
mutation(
    "row-of-the-text-is-checked",
    "if self.batch.autocast:  #",
    "if True:  #",
    "biome_interpret/interpreters/engine/rows/checked_rows.py",
    PATH_INTEGRAL[1],
)

PIPELINE = (
    "biome_interpret/interpreters/engine/pipeline.py",
    ("tests/interpreters/test_batching.py",),
)
mutation(
    "failed-texts-are-tried-alone",
    "if one is None or one.error is not None:",
    "if one is None:",
    *PIPELINE,
)
mutation(
    "groups-that-were-made-before-are-split-too",
    "if len(jobs) > 1 and not self._planner.texts_mix:",
    "if len(jobs) > 1:",
    *PIPELINE,
)
mutation(
    "texts-are-held-against-their-own-predictions",
    "if self._planner.held_texts.is_due(len(jobs), len(jobs)):",
    "if False:",
    *PIPELINE,
)
mutation(
    "failed-batches-are-taken-apart",
    "except Exception:\n            return [None] * len(jobs)",
    "except Exception:\n            raise",
    *PIPELINE,
)
OVERLAP = (
    "biome_interpret/interpreters/engine/rows/overlap.py",
    ("tests/interpreters/test_overlap.py",),
)
mutation("results-in-order", "for number in sorted(results)", "for number in results", *OVERLAP)
mutation("tasks-by-turns", "waiting.popleft()", "waiting.pop()", *OVERLAP)

# Every point reaches the model: where the given ids stand, once in each pass.
HONESTY = ("tests/models/execution/test_honesty.py",)
EVALUATED = ("tests/models/execution/test_evaluation.py",)
VERIFIED = ("tests/models/embedding/test_verification.py",)
PLACING = "biome_interpret/models/embedding/placing.py", VERIFIED
mutation("each-call-is-replaced", "if key not in self._placed:", "if False:", PLACING[0], EVALUATED)
mutation(
    "points-go-to-their-row",
    "points.flatten(0, 1)[found.order.argsort().to(points.device)]",
    "points.flatten(0, 1)",
    PLACING[0],
    EVALUATED,
)
VERIFICATION = "biome_interpret/models/embedding/verification.py", VERIFIED
mutation(
    "ids-that-were-rearranged",
    "elif not _same(one.given, given[0]):",
    "elif False:",
    *VERIFICATION,
)
mutation(
    "ids-that-were-changed-one-by-one",
    "return torch.equal(third[stays], first[stays])",
    "return True",
    *VERIFICATION,
)
mutation(
    "words-that-pass-by",
    "return not torch.allclose(values, self.values, rtol=ROUNDING, atol=0.0)",
    "return False",
    "biome_interpret/models/execution/evaluation.py",
    HONESTY,
)

# The output belongs to the label.
OUTPUTS = ("tests/interpreters/test_outputs.py",)
READING = (
    "biome_interpret/models/objectives/reading.py",
    ("tests/models/objectives/test_reading.py",),
)
mutation(
    "the-loss-decides",
    "bool(self.lowers_loss) + bool(self.gives_label)",
    "bool(self.gives_label)",
    *READING,
)
mutation(
    "a-contradiction-is-no-candidate",
    "if self.size == SMALLER or False in (self.lowers_loss, self.gives_probabilities):",
    "if self.size == SMALLER:",
    *READING,
)
mutation(
    "parts-of-a-text-are-not-the-text",
    "if any(one.gives_probabilities and not one.is_squeezed for one in possible):",
    "if False:",
    *READING,
)
mutation("the-last-of-two", "if not names & set(one.above)", "if True", *READING)
mutation(
    "own-probabilities-of-tags",
    "return Choices(logits, tags, mask, self._own_probabilities(outputs))",
    "return Choices(logits, tags, mask)",
    "biome_interpret/models/objectives/tasks/tags.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[calibrated tags]",),
)
mutation(
    "readings-that-do-not-fit-a-text",
    "return _numbers(said, reading.logits) is not None",
    "return True",
    "biome_interpret/models/labelling/own_label.py",
    ("tests/models/labelling/test_own_label.py",),
)
EVIDENCE = "biome_interpret/models/evidence/evidence.py", OUTPUTS
mutation(
    "sign-of-one-logit", "sign=self._sign(name) if meaning == SECOND else 1", "sign=1", *EVIDENCE
)
mutation(
    "values-have-no-label",
    "return SECOND if is_said or self._losses.are_cross_entropy(name) else VALUE",
    "return SECOND",
    *EVIDENCE,
)
mutation(
    "own-probabilities",
    "probabilities=None if is_usual else probabilities,",
    "probabilities=None,",
    *EVIDENCE,
)
mutation(
    "own-probabilities-that-are-made-readable",
    "self._own = {**self._shaped, **self._made}",
    "self._own = {**self._shaped}",
    "biome_interpret/models/evidence/evidence.py",
    ("tests/interpreters/test_outputs.py",),
)
mutation(
    "a-model-s-own-forward-on-instances",
    "    if not names:\n        return None\n    return (",
    "    if True:\n        return None\n    return (",
    "biome_interpret/models/labelling/own_forward.py",
    ("tests/models/labelling/test_own_forward.py",),
)
mutation(
    "ids-that-are-moved-in-their-own-tensor",
    " and ids._version == self._versions[name]",
    "",
    "biome_interpret/models/embedding/call_matching.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[flips in place]",),
)
mutation(
    "an-indexer-has-a-position-for-each-token",
    "if len(owners) != len(indexed[argument]):",
    "if False:",
    "biome_interpret/models/alignment/token_alignment.py",
    ("tests/models/alignment",),
)
mutation(
    "logits-over-one-text",
    "if not {one.size(1) for one in logits} <= _lengths_of_texts(tensors):",
    "if False:",
    "biome_interpret/models/objectives/tasks/spans.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[a span behind another text]",),
)
mutation(
    "a-baseline-s-row-is-what-the-model-embeds",
    "    if _embeds_the_text(weight.__getitem__, call):\n        return weight.__",
    "    if True:\n        return weight.__",
    "biome_interpret/models/baselines/rows.py",
    ("tests/models/baselines/test_rows.py",),
)
mutation(
    "metrics-at-any-depth",
    "level, left = self._inside(level, left)",
    "level, left = [], 0",
    "biome_interpret/models/isolation/containers.py",
    ("tests/models/isolation/test_isolated.py",),
)
mutation(
    "namespace-that-agrees",
    "            if self.agree(name, namespace, alone=alone):",
    "            if False:",
    "biome_interpret/models/evidence/label_names.py",
    EVIDENCE[1],
)
OTHERS = ("tests/kinds/others/test_others.py::test_all_texts_in_a_batch",)
mutation(
    "label-is-what-was-set",
    "names if labels is None else [name for name in names if name in labels]",
    "names",
    "biome_interpret/models/objectives/base.py",
    OTHERS,
)
mutation(
    "probed-for-each-output",
    "return type(self), self.output_name",
    "return type(self), None",
    "biome_interpret/models/objectives/base.py",
    OTHERS,
)
mutation(
    "random-field-of-the-tags",
    "        if any(_explains(gradient, field, logits, choices.indices, mask) for mask in masks):",
    "        if True:",
    "biome_interpret/models/evidence/tied_tags.py",
    OTHERS,
)
mutation(
    "tags-tied-in-another-way",
    "return Ties(are_known=labelled.mixes_positions(name) is not True)",
    "return Ties()",
    "biome_interpret/models/evidence/tied_tags.py",
    OTHERS,
)
mutation(
    "probability-of-a-softmax",
    "return largest is None or adds_up_to_zero(largest)",
    "return True",
    "biome_interpret/models/evidence/label_contrasts.py",
    OUTPUTS,
)
mutation(
    "choices-are-places",
    "return logits.size(-1) in self._places.values()",
    "return False",
    "biome_interpret/models/evidence/label_names.py",
    OTHERS,
)
mutation(
    "labels-are-told-apart",
    "return any(is_right) and all(max(slopes) <= bound for slopes in pairs)",
    "return any(is_right)",
    "biome_interpret/models/evidence/label_contrasts.py",
    ("tests/models/evidence/test_label_contrasts.py",),
)
mutation(
    "labels-of-other-texts",
    "return bool(is_equal) and all(is_equal)",
    "return any(is_equal)",
    "biome_interpret/models/evidence/other_texts.py",
    ("tests/models/evidence/test_other_texts.py",),
)
mutation(
    "a-regression-is-no-classifier",
    "if evidence.is_against_labels and",
    "if False and",
    "biome_interpret/interpreters/engine/labelled_items.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[three values]",),
)
mutation(
    "one-of-two-labels",
    "torch.where(indices == 1, logit, -logit)",
    "logit",
    "biome_interpret/models/objectives/tasks/labels.py",
    OUTPUTS,
)
mutation(
    "a-contradiction-is-refused",
    "if wrong is not None and known is not None and refuse:",
    "if False:",
    "biome_interpret/interpreters/engine/labelled_items.py",
    ("tests/models/labelling/test_labelling.py",),
)
mutation(
    "a-predictor-labels-itself",
    'labels_itself = overrides(predictor, "json_to_labeled_instances")',
    "labels_itself = False",
    "biome_interpret/models/labelling/texts.py",
    ("tests/interpreters/test_doors.py",),
)

# What is found out once about a model.
mutation(
    "another-gradient-is-noted",
    "return 2 * sum(found) > len(found)",
    "return False",
    "biome_interpret/models/execution/gradient_check.py",
    HONESTY,
)
mutation(
    "a-failing-probe-is-tried-again",
    "if not known.failed or self._num_failed[key] >= _FAILED_PROBES",
    "if True",
    "biome_interpret/models/execution/batching.py",
    HONESTY,
)
mutation(
    "a-failing-pass-is-run-row-by-row",
    "if len(points.rows) == 1 or is_out_of_memory(error):",
    "if True:",
    "biome_interpret/interpreters/engine/rows/checked_rows.py",
    HONESTY,
)
mutation(
    "what-a-model-keeps",
    "        self._attributes.restore()\n",
    "",
    ISOLATED[0],
    ("tests/models/isolation/test_isolated.py",),
)
mutation(
    "a-gap-is-noted",
    "abs(delta) <= max(_LARGE_GAP * integrands.size, _ROUNDING * size)",
    "True",
    "biome_interpret/interpreters/engine/assembly.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone[steps]",),
)

# The command sets Ctrl-C up before AllenNLP is imported. Other programs need all classes at once.
INIT = (
    "biome_interpret/__init__.py",
    (
        "tests/test_start.py",
        "tests/test_package.py::"
        "test_every_module_imports_without_the_optional_packages_and_registers_its_classes",
    ),
)
mutation("the-command-imports-later", "if not _is_the_command():", "if True:", *INIT)
mutation("all-others-import-at-once", "if not _is_the_command():", "if False:", *INIT)

# Results.
ASSEMBLY = (
    "biome_interpret/interpreters/engine/assembly.py",
    (
        "tests/interpreters/test_options.py",
        "tests/interpreters/test_integrated_gradient.py",
        "tests/models/embedding/test_sites.py",
    ),
)
mutation(
    "order-of-fields",
    "calls in reversed(fields.values())",
    "calls in fields.values()",
    *ASSEMBLY,
)
mutation(
    "delta",
    "output - baseline_output - integrands.total",
    "output - baseline_output + integrands.total",
    *ASSEMBLY,
)
mutation("notes-of-sites", "*site_notes, *integrands.notes", "*integrands.notes", *ASSEMBLY)
mutation("scores-of-word-pieces", "owned = owners >= 0", "owned = owners > 0", *ASSEMBLY)

# Long jobs: records in order, whole, and only of one job.
RECORDS = (
    "biome_interpret/commands/jobs/records.py",
    ("tests/commands/jobs/test_resuming.py", "tests/commands/jobs/test_explaining.py"),
)
mutation("records-are-in-order", "line <= written.last_line", "line < 0", *RECORDS)
mutation("cut-record-is-dropped", 'if not raw.endswith(b"\\n"):', "if False:", *RECORDS)
mutation(
    "records-are-json",
    "allow_nan=False",
    "allow_nan=True",
    RECORDS[0],
    ("tests/commands/jobs/test_sources.py",),
)

FINGERPRINT = "biome_interpret/commands/jobs/fingerprint.py", ("tests/commands/jobs",)
mutation(
    "only-the-same-job-is-resumed",
    "if part not in (ABOUT, LEARNT) and before.get(part) != now.get(part)\n",
    "if False\n",
    *FINGERPRINT,
)
mutation(
    "changed-archive", 'return {"sha256": _digest(path)}', 'return {"sha256": ""}', *FINGERPRINT
)
mutation(
    "a-resumed-job-learns-again",
    "again += [batch] * (first in destination.learnt)",
    "again += [batch] * (first == 1)",
    "biome_interpret/commands/jobs/job.py",
    ("tests/commands/jobs/test_resuming.py",),
)

mutation(
    "an-output-is-not-overwritten",
    "if arguments.resume or arguments.overwrite or not path.is_file()",
    "if True or not path.is_file()",
    "biome_interpret/commands/jobs/destination.py",
    ("tests/commands/jobs/test_outputs.py",),
)

# A study: methods are compared on equal terms.
STUDY = "biome_interpret/evaluation/studies/study.py", ("tests/evaluation/studies/test_study.py",)
SUMMARY = (
    "biome_interpret/evaluation/studies/summary.py",
    ("tests/evaluation/studies/test_summary.py",),
)
mutation(
    "scores-of-a-study-are-finite",
    "numpy.isfinite(found.draws).all()",
    "True",
    *STUDY,
)
mutation(
    "a-study-compares-on-common-texts",
    "compared, all if better else any)",
    "compared, any)",
    *SUMMARY,
)
mutation(
    "oracles-are-not-compared",
    "compared = [row for row in rows if row not in ORACLES]",
    "compared = rows",
    *SUMMARY,
)
mutation(
    "words-of-people-are-found-by-characters",
    '"".join(map(_plain, words)) == written',
    "True",
    "biome_interpret/evaluation/studies/rationales.py",
    ("tests/evaluation/studies/test_rationales.py",),
)
mutation(
    "the-seed-of-a-study-is-that-of-its-methods",
    '"seed": config.get("seed", arguments.seed)',
    '"seed": config.get("seed", 0)',
    "biome_interpret/commands/evaluating/rows.py",
    ("tests/commands/test_evaluate.py",),
)
mutation(
    "theirs-explain-the-same-span",
    "if ours and theirs and _tags(ours[0]) != _tags(theirs[0]):",
    "if False:",
    "biome_interpret/evaluation/methods/theirs.py",
    ("tests/evaluation/methods/test_methods.py",),
)
mutation(
    "orders-are-searched-only-if-used",
    "if self._uses_limits and 0 < units.num <= self.most_words:",
    "if 0 < units.num <= self.most_words:",
    *STUDY,
)
mutation(
    "a-study-resumes-after-whole-texts",
    "written = written.plus(line, errors == num_methods, size)",
    "written = written.plus(line, errors == num_methods, 0)",
    "biome_interpret/commands/evaluating/maker.py",
    ("tests/commands/test_evaluate.py",),
)
mutation(
    "the-page-of-a-study-is-escaped",
    "autoescape=True",
    "autoescape=False",
    "biome_interpret/visualization/comparison/page.py",
    ("tests/visualization/comparison/test_page.py",),
)

# What is shown is the text and no code.
REPORT = (
    "biome_interpret/visualization/report.py",
    ("tests/visualization/test_report.py", "tests/visualization/test_report_in_browser.py"),
)
mutation("report-is-escaped", "autoescape=True", "autoescape=False", *REPORT)

mutation(
    "delta-is-a-share-of-the-scores",
    "sizes = [abs(score) for score in [*scores, one.unassigned]]",
    "sizes = [abs(one.output - (one.baseline_output or 0.0))]",
    "biome_interpret/visualization/corpus.py",
    ("tests/visualization/test_corpus.py",),
)
mutation(
    "rare-words-are-not-sure",
    "math.sqrt(deviations + typical**2) / self.count",
    "math.sqrt(deviations) / self.count",
    "biome_interpret/visualization/words.py",
    ("tests/visualization/test_corpus.py",),
)

FRAGMENT = "biome_interpret/visualization/fragment.py", ("tests/visualization/test_fragment.py",)
mutation("fragment-is-escaped", "return escape(visible(text))", "return visible(text)", *FRAGMENT)
mutation("words-are-escaped", 'f"{escape(text)}</span>"', 'f"{text}</span>"', *FRAGMENT)

CHARACTERS = (
    "biome_interpret/visualization/characters.py",
    ("tests/visualization/test_characters.py", "tests/visualization/test_terminal.py"),
)
mutation("control-characters", "return chr(0x2400 + code)", "return character", *CHARACTERS)
mutation(
    "bidirectional-overrides",
    "⟨{unicodedata.bidirectional(character)}⟩\\u2069",
    "{character}\\u2069",
    *CHARACTERS,
)

# A corpus by several processes: each text once, all its rows together.
mutation(
    "ids-are-unique",
    '"id": f"{name}:{number}", "file"',
    '"id": f"{name}:{number // 2}", "file"',
    "biome_interpret/distributed/texts.py",
    ("tests/distributed/test_texts.py",),
)
mutation(
    "rows-of-a-text-together",
    "if whole.nbytes < _LARGE_BATCH:",
    "if True:",
    "biome_interpret/distributed/actor.py",
    ("tests/distributed/test_actor.py",),
)
mutation(
    "a-core-is-left-for-reading",
    "room = cpus - cpus_left",
    "room = cpus",
    "biome_interpret/distributed/dataset.py",
    ("tests/distributed/test_dataset.py",),
)

# Metrics of explanations: their definitions, and nothing is asked twice.
INQUIRIES = (
    "biome_interpret/evaluation/inquiries.py",
    ("tests/evaluation/test_inquiries.py", "tests/evaluation/test_metrics.py"),
)
mutation(
    "orders-keep-signs",
    "key=lambda word: -scores[word]",
    "key=lambda word: -abs(scores[word])",
    *INQUIRIES,
)
mutation("subsets-are-asked-once", "if subset not in answers]", "]", *INQUIRIES)
mutation("ties-that-matter", "if 0 < size < len(words)]", "if 1 < size < len(words)]", *INQUIRIES)

REMOVAL = "biome_interpret/evaluation/removal.py", ("tests/evaluation/test_removal.py",)
mutation(
    "eraser-rounds-up",
    "return [-(-percent * num_words // 100)",
    "return [(percent * num_words // 100)",
    *REMOVAL,
)
mutation("empty-bins-are-left-out", "sorted({*sizes} - {0})", "sorted({*sizes})", *REMOVAL)
mutation("curves-are-rounded", "(2 * step * num_words + steps)", "(2 * step * num_words)", *REMOVAL)

LIMITS = "biome_interpret/evaluation/limits.py", ("tests/evaluation/test_limits.py",)
mutation(
    "limits-of-all-orders",
    "key=lambda word: sums[mask ^ 1 << word]",
    "key=lambda word: drops[mask ^ 1 << word]",
    *LIMITS,
)
mutation(
    "beams-of-one-set",
    "sign * total > sign * best[subset].total",
    "sign * total < sign * best[subset].total",
    *LIMITS,
)
mutation(
    "naopc-of-sufficiency",
    "lambda limits: (limits.best, limits.worst)",
    "lambda limits: (limits.worst, limits.best)",
    *LIMITS,
)

SCORES = "biome_interpret/evaluation/scores.py", ("tests/evaluation/test_scores.py",)
mutation(
    "rounding-is-no-change",
    "return [change if abs(change) > smallest else 0.0",
    "return [change if True else 0.0",
    *SCORES,
)
mutation(
    "subsets-are-never-empty",
    "generator.integers(1, num_words + 1",
    "generator.integers(0, num_words + 1",
    *SCORES,
)
mutation(
    "soft-metrics-are-scaled", "(given - given.mean()) / spread", "(given - given.mean())", *SCORES
)
mutation("sensitivity-is-relative", "/ (norm or 1.0)", "/ 1.0", *SCORES)

AGREEMENT = "biome_interpret/evaluation/agreement.py", ("tests/evaluation/test_agreement.py",)
mutation("ties-at-the-last-mark", "if score > last]", "if score >= last]", *AGREEMENT)

STATISTICS = "biome_interpret/evaluation/statistics.py", ("tests/evaluation/test_statistics.py",)
mutation("holm-in-order", "largest = max(largest, min(", "largest = max(0.0, min(", *STATISTICS)
mutation("ties-of-rankings", "- m * ties", "- 0 * ties", *STATISTICS)
mutation(
    "intervals-cover",
    "confidence_level=confidence",
    "confidence_level=confidence - 0.1",
    *STATISTICS,
)
mutation(
    "permutations-are-paired",
    'permutation_type="samples"',
    'permutation_type="pairings"',
    *STATISTICS,
)

# Methods that remove words: exact values, unbiased samples, and texts without these words only.
COALITIONS = "biome_interpret/attribution/coalitions"
OCCLUSION = (
    f"{COALITIONS}/occlusion.py",
    ("tests/attribution/coalitions/test_occlusion.py",),
)
SHAPLEY = f"{COALITIONS}/shapley.py", ("tests/attribution/coalitions/test_shapley.py",)
mutation(
    "sign-of-a-pair",
    "whole - without[i] - without[j] + both",
    "without[i] + without[j] - whole - both",
    *OCCLUSION,
)
mutation(
    "weights-of-exact-shapley",
    "_binomials(num_units - 1)[counts[without]]",
    "_binomials(num_units - 1)[0 * counts[without]]",
    *SHAPLEY,
)
mutation(
    "weights-of-exact-pairs",
    "1 / ((num_units - 1) * _binomials",
    "1 / (num_units * _binomials",
    *SHAPLEY,
)
mutation("reversed-orders", "[labelled, labelled[::-1]]", "[labelled, labelled]", *SHAPLEY)
mutation("cut-of-a-cycle", "generator.integers(1, num_units)", "1", *SHAPLEY)
mutation(
    "errors-of-rounds-of-orders",
    "independent = _round_size(num_units) if sampling.with_interactions else 2",
    "independent = 2",
    *SHAPLEY,
)
mutation(
    "bound-of-a-shapley-sample",
    "len(f) + len(new) - 1 > sampling.max_evaluations",
    "len(f) > 2 * sampling.max_evaluations",
    *SHAPLEY,
)
REMOVING = ("tests/interpreters/test_occlusion.py",)
DELETION = (
    "biome_interpret/models/execution/deletion.py",
    ("tests/models/execution/test_deletion.py",),
)
ANSWERS = "biome_interpret/interpreters/engine/rows/answers.py"
UNITS = "biome_interpret/interpreters/engine/rows/units.py"
mutation(
    "spans-in-lists-refer-to-texts",
    "return any(_refers_to(inner, texts) for inner in field.field_list)",
    "return False",
    *DELETION,
)
mutation(
    "labels-refer-to-copies-of-texts",
    "any(sequence.tokens == t.tokens for t in texts)",
    "any(sequence is t for t in texts)",
    *DELETION,
)
mutation(
    "texts-with-words-left-out-are-run-alone-too",
    "if not close(alone.values[0], evaluation.values[index], size):",
    "if False:",
    DELETION[0],
    (f"{REMOVING[0]}::TestRowsThatMix",),
)
mutation(
    "texts-that-padding-changes-share-no-pass",
    "probed.may_pad,",
    "True,",
    "biome_interpret/interpreters/engine/batch_explainer.py",
    (f"{REMOVING[0]}::TestRowsThatMix",),
)
mutation(
    "rows-without-words-are-checked",
    "self._rows.check_inputs(own, one.values.cpu())",
    "pass",
    ANSWERS,
    (f"{REMOVING[0]}::TestRowsThatMix",),
)
mutation(
    "other-groups-go-on-while-words-are-removed",
    "        yield\n        by_row = self._collect(rows, passes)",
    "        by_row = self._collect(rows, passes)\n        yield",
    ANSWERS,
    ("tests/interpreters/test_overlap.py",),
)
mutation(
    "each-text-joins-its-first-rows",
    "rows += [Row(i, self._paths[0], AT_BASELINE, nothing) for i in sorted(unchecked)]",
    "unchecked.clear()",
    ANSWERS,
    ("tests/interpreters/test_perturber.py",),
)
mutation(
    "special-tokens-stay-in-the-text",
    "if not special[token]",
    "if token >= 0",
    UNITS,
    (f"{REMOVING[0]}::TestDelete",),
)
mutation(
    "only-the-units-move",
    "flags[list(range(most)) if units is None else list(units)] = True",
    "flags[list(range(most))] = True",
    UNITS,
    (f"{REMOVING[0]}::TestBaseline",),
)
mutation(
    "noise-at-the-input",
    "noisy = rows_at(self._starts.noisy_texts(call, self._paths), self._path_of_row)",
    "noisy = embedded",
    "biome_interpret/interpreters/engine/rows/points.py",
    ("tests/interpreters/test_smooth_gradient.py::TestAgainstAPlainLoop",),
)
mutation(
    "independent-draws-of-few-noisy-texts",
    "is_paired = n % 2 == 0 and n >= 4",
    "is_paired = n % 2 == 0",
    "biome_interpret/attribution/sampling.py",
    ("tests/interpreters/test_smooth_gradient.py::TestStandardError",),
)
mutation(
    "interactions-in-a-notebook-are-text",
    "{i: _text(tokens[i][:_LONGEST_TOKEN]) for i in shown}",
    "{i: tokens[i][:_LONGEST_TOKEN] for i in shown}",
    "biome_interpret/visualization/fragment.py",
    ("tests/visualization/test_fragment.py::TestInteractions",),
)

# The live page: nothing is answered that is not on the list, to nobody who may not ask.
SAFETY = "biome_interpret/live/safety.py", ("tests/live/test_safety.py",)
mutation("host-is-checked", "if name in self._hosts or", "if name or", *SAFETY)
mutation(
    "origin-is-checked",
    "!= host.lower():",
    '== "nowhere":',
    *SAFETY,
)
mutation(
    "token-is-compared",
    'scheme.lower() == "bearer" and is_same',
    'scheme.lower() == "bearer"',
    *SAFETY,
)
mutation("chunks-are-counted", "if size > MOST_BYTES:", "if False:", *SAFETY)
mutation("json-only", 'media_type.strip() != "application/json"', "False", *SAFETY)
ASKED = "biome_interpret/live/answers", ("tests/live/answers/test_requests.py",)
mutation(
    "bounds-of-options",
    "self.least <= value <= self.most",
    "self.least <= value",
    f"{ASKED[0]}/options.py",
    ASKED[1],
)
mutation(
    "methods-on-the-list",
    "if not isinstance(name, str) or name not in self.methods:",
    "if not isinstance(name, str):",
    f"{ASKED[0]}/requests.py",
    ASKED[1],
)
WORKER = "biome_interpret/live/worker.py", ("tests/live/test_worker.py",)
mutation(
    "queue-is-bounded",
    "if len(self._waiting) >= self._most_waiting:",
    "if False:",
    *WORKER,
)
mutation("gone-clients-leave-the-queue", "self._waiting.remove(job)", "pass", *WORKER)
mutation(
    "gone-clients-stop-the-work",
    "if is_cancelled():",
    "if False:",
    "biome_interpret/live/answers/explaining.py",
    ("tests/live/answers/test_explaining.py",),
)
mutation(
    "javascript-counts-pairs",
    'sum(character > "\\uffff" for character in text)',
    "0",
    "biome_interpret/live/answers/places.py",
    ("tests/live/answers/test_places.py",),
)
mutation(
    "snippets-have-the-target",
    '"--target": target if isinstance(target, str) else None',
    '"--target": None',
    "biome_interpret/live/answers/snippets.py",
    ("tests/live/answers/test_snippets.py",),
)

# Of one's own text, label and instance.
mutation(
    "a-span-leaves-other-tags-open",
    "is_other = choices.mask.unsqueeze(-1) & (",
    "is_other = (",
    "biome_interpret/models/objectives/tasks/tags.py",
    ("tests/models/objectives/test_objectives.py",),
)
mutation(
    "tags-have-the-mask-of-their-text",
    "key=lambda name: name != self.labelled_text",
    "key=lambda name: 0",
    "biome_interpret/models/objectives/tasks/tags.py",
    ("tests/models/objectives/test_objectives.py",),
)
mutation(
    "one-probability-of-the-first-label",
    "slope < 0 if slope else",
    "False if slope else",
    "biome_interpret/models/evidence/label_contrasts.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone",),
)
mutation(
    "instances-are-indexed-anew",
    "copied = {name: _copied(field) for",
    "copied = {name: field for",
    "biome_interpret/models/labelling/texts.py",
    ("tests/models/isolation/test_isolated.py",),
)
mutation(
    "no-special-tokens-of-unknown-ids",
    "    if not isinstance(namespace, str):\n        return {}\n    found",
    '    namespace = namespace or "tokens"\n    found',
    "biome_interpret/models/alignment/special_tokens.py",
    ("tests/models/baselines/test_baseline.py",),
)
mutation(
    "a-point-is-evaluated-once",
    "points = {(path.key, node): (path, node) for path in paths for node in path.nodes}",
    "points = {(path.key, i): (path, n) for path in paths for i, n in enumerate(path.nodes)}",
    "biome_interpret/interpreters/engine/rows/integrands.py",
    ("tests/interpreters/test_options.py",),
)
mutation(
    "columns-are-renamed-at-once",
    "keys if name in replaced else [name]",
    "keys or [name]",
    "biome_interpret/commands/jobs/text_files.py",
    ("tests/commands/jobs/test_text_files.py",),
)
mutation(
    "gold-is-that-of-the-gold-field",
    "else targets == GOLD\n\n\ndef _with_gold",
    "else False\n\n\ndef _with_gold",
    "biome_interpret/commands/jobs/explaining.py",
    ("tests/commands/jobs/test_explaining.py",),
)
mutation(
    "a-job-on-a-cluster-keeps-its-input",
    "[*read_by_interpret(arguments, configs), *read]",
    "[]",
    "biome_interpret/distributed/job.py",
    ("tests/distributed/test_job.py",),
)
mutation(
    "a-trace-is-of-all-inputs",
    "names = texts | (others & predicted.keys()) - labels",
    "names = texts",
    "biome_interpret/models/execution/prediction.py",
    ("tests/models/execution/test_prediction.py",),
)
mutation(
    "made-probabilities-are-compared-over-texts",
    "fall_against(self.texts, own_name, name, self._model) if falls is None",
    "False if falls is None",
    "biome_interpret/models/evidence/label_names.py",
    ("tests/kinds/others/test_others.py::test_each_text_alone",),
)
mutation(
    "several-labels-are-all-predicted",
    "if probability > 0.5]",
    "if probability > 0.5][:1]",
    "biome_interpret/visualization/captions.py",
    ("tests/visualization/test_corpus.py",),
)
mutation(
    "chosen-spans-are-no-prediction",
    "if not explains_predictions and not probabilities_of(found):",
    "if False:",
    "biome_interpret/visualization/corpus.py",
    ("tests/visualization/test_corpus.py",),
)
