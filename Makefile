PYTHON ?= python3
STAMP := .venv/.installed

.PHONY: install run test lint screenshots clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade pip
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[auth,dev,mlflow]'
	touch $(STAMP)

run: install
	.venv/bin/python -m streamlit run app.py

# Two at a time: most tests wait for one core or for a page. Who has none left takes the other's.
test: install
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal

lint: install
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy

screenshots: install
	.venv/bin/python scripts/screenshots.py

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache build dist *.egg-info
