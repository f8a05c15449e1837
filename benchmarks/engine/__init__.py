"""How fast is the engine? Ratios to its limits and to other ways of running the same file.

make bench-engine                       # everything, after an install of its own into .bench/
make bench-engine ROWS="one-stream"     # one row; docs/benchmarks_engine.md says what each means

    __main__       arguments, then one row after the other, then the report
    rows           the table: one function a row, what it compares and what it should reach
    contenders/    one file for each way to run the model, all with the same three methods
    tasks          what a contender is asked to do, and what is read off the clock meanwhile
    child          a contender in a process of its own
    ratios         contenders in turn, one ratio a round
    bounds         what memory and arithmetic of these cores allow
    report, plot   Markdown, JSON and SVG
"""
