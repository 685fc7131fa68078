#!/usr/bin/env bash
# A model saved by XGBoost 3.1 or later loads without a word in XGBoost 3.0.5
# and in Debian 12's libxgboost 1.7.4, and every score is wrong by a constant.
#
# Since 3.1 the file says "base_score": "[1.1E-2]", with brackets; before it
# was "1.1E-2". The older loaders do not understand the brackets, do not say
# so, and go on with 0.5. All trees are right, so the ranking and the AUC are
# right; only the probabilities are not, and the rarer the event, the more.
# Nobody promises that an old library reads a new file, but this one carries
# its version in clear, and the tools around XGBoost that met the brackets
# (explainers, converters) stopped with an error. XGBoost itself does not.
#
# Exit 0: seen again. Exit 1: the behaviour changed. Exit 2: could not be run.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cant() { echo "cannot run: $*" >&2; exit 2; }

{
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q --disable-pip-version-check numpy==1.26.4 scipy==1.15.3
  for version in 3.2.0 3.0.5; do
    "$work/venv/bin/pip" install -q --disable-pip-version-check --no-deps \
      --target "$work/$version" "xgboost-cpu==$version"
  done
} >"$work/log" 2>&1 || { cat "$work/log" >&2; cant "the PyPI packages did not install"; }

# Debian's library is unpacked, not installed: no root needed, nothing left behind.
fetch() { (cd "$work" && apt-get -q -o APT::Sandbox::User="$(id -un)" download libxgboost0=1.7.4-1 libdmlc0); }
fetch >"$work/log" 2>&1 || { apt-get -q update && fetch; } >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; cant "Debian's libxgboost0 1.7.4-1 could not be fetched"; }
for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$work/debian"; done
library=$(find "$work/debian" -type f -name 'libxgboost.so.*')

cat >"$work/train.py" <<'PY'
import json, sys
import numpy as np, xgboost

# A rare event (about one observation in a hundred) and four features.
draw = np.random.default_rng(20240808)
features = draw.normal(size=(20000, 4)).astype(np.float32)
label = draw.random(20000) < 1 / (1 + np.exp(5 - 1.2 * features[:, 0] - 0.6 * features[:, 1]))
data = xgboost.DMatrix(features, label=label)
model = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "nthread": 1},
                      data, num_boost_round=30)
model.save_model("model.json")
model.save_model("model.ubj")
saved = json.load(open("model.json"))
parameters = saved["learner"]["learner_model_param"]
print(f'saved by      xgboost {xgboost.__version__} from PyPI; the file says version {saved["version"]}, '
      f'base_score "{parameters["base_score"]}"')
# The same model, the brackets taken off by hand: what the old loaders would have understood.
parameters["base_score"] = parameters["base_score"].strip("[]")
json.dump(saved, open("plain.json", "w"))
np.savez("reference.npz", features=features, label=label, margin=model.predict(data, output_margin=True))
PY

cat >"$work/read.py" <<'PY'
import sys
import numpy as np, xgboost
data = xgboost.DMatrix(np.load("reference.npz")["features"])
margins = {}
for name in ("model.json", "model.ubj", "plain.json"):
    model = xgboost.Booster()
    model.load_model(name)                       # would raise on any complaint
    margins[name] = model.predict(data, output_margin=True)
np.savez(sys.argv[1], version=xgboost.__version__, **margins)
PY

cat >"$work/read_c.py" <<'PY'
# Debian's shared library by its C interface, as a program in C or Swift would use it.
import ctypes as c, sys
import numpy as np
lib = c.CDLL(sys.argv[2])
lib.XGBGetLastError.restype = c.c_char_p
def call(name, *arguments):
    if getattr(lib, name)(*arguments) != 0:
        raise RuntimeError(lib.XGBGetLastError().decode())
parts = [c.c_int() for _ in range(3)]
lib.XGBoostVersion(*map(c.byref, parts))
features = np.ascontiguousarray(np.load("reference.npz")["features"], dtype=np.float32)
data = c.c_void_p()
call("XGDMatrixCreateFromMat", features.ctypes.data_as(c.c_void_p), c.c_uint64(features.shape[0]),
     c.c_uint64(features.shape[1]), c.c_float(np.nan), c.byref(data))
margins = {}
for name in ("model.json", "model.ubj", "plain.json"):
    booster, count, scores = c.c_void_p(), c.c_uint64(), c.POINTER(c.c_float)()
    call("XGBoosterCreate", None, c.c_uint64(0), c.byref(booster))
    call("XGBoosterLoadModel", booster, name.encode())
    call("XGBoosterPredict", booster, data, c.c_int(1), c.c_uint(0), c.c_int(0), c.byref(count), c.byref(scores))
    margins[name] = np.ctypeslib.as_array(scores, (count.value,)).copy()
np.savez(sys.argv[1], version=".".join(str(p.value) for p in parts), **margins)
PY

cat >"$work/judge.py" <<'PY'
import sys
import numpy as np
from scipy.stats import rankdata
reference = np.load("reference.npz")
margin, label = reference["margin"].astype(float), reference["label"]
chance = lambda m: 1 / (1 + np.exp(-m))
def auc(m):
    positive = label.sum()
    return (rankdata(m)[label].sum() - positive * (positive + 1) / 2) / (positive * (~label).sum())
print(f"truth         the event's share is {label.mean():.4f}")
print(f"xgboost 3.2.0 mean probability {chance(margin).mean():.4f}, AUC {auc(margin):.4f}, "
      f"alarms at p > 0.1: {(chance(margin) > 0.1).sum()} of {len(margin)}")
same = True
for title, file in (("PyPI's 3.0.5 ", "py.npz"), ("Debian's 1.7.4", "c.npz")):
    read = np.load(file)
    assert str(read["version"]) in title, read["version"]
    for name in ("model.json", "model.ubj"):
        m = read[name].astype(float)
        shift = m - margin
        print(f"{title} {name}: no error; mean probability {chance(m).mean():.4f}, AUC {auc(m):.4f}, "
              f"alarms {(chance(m) > 0.1).sum()}; every margin off by {shift.min():.4f} to {shift.max():.4f}")
        same &= shift.min() > 1 and np.ptp(shift) < 1e-3 and abs(auc(m) - auc(margin)) < 1e-3
    plain = np.abs(read["plain.json"] - margin).max()
    print(f"{title} with the brackets taken off by hand: every margin right within {plain:.0e}")
    same &= plain < 1e-4
sys.exit(0 if same else 1)
PY

cd "$work"
echo "date          $(date -u +%F)"
PYTHONPATH="$work/3.2.0" venv/bin/python train.py
echo "expected      the same probabilities from an older library, or a refusal to load"
echo "seen:"
status=0
if PYTHONPATH="$work/3.0.5" venv/bin/python read.py py.npz >log 2>&1 &&
   LD_LIBRARY_PATH="$(dirname "$library")" venv/bin/python read_c.py c.npz "$library" >>log 2>&1; then
  [ -s log ] && { echo "the libraries said:"; cat log; status=1; }
  venv/bin/python judge.py || status=1
else
  tail -n 1 log
  status=1
fi
echo "where it matters: a model trained in a notebook with today's XGBoost and served by a C, C++ or Swift"
echo "program on Debian's library: it ranks as in the test and alarms on most of it. Compare one stored"
echo "prediction at start, or compare base_score with what the loaded library says it has."
if [ "$status" = 0 ]; then echo "reproduced"; else echo "NOT reproduced: the behaviour changed"; fi
exit "$status"
