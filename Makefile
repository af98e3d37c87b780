# Names for the commands of tasks.py; `make soak OPTIONS=--kills=20` hands on options.
COMMANDS = demo test test_all check fuzz soak constraints
.PHONY: $(COMMANDS)
$(COMMANDS):
	python3 tasks.py $@ $(OPTIONS)
