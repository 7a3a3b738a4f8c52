"""A tree of 200,000 files of which most are ignored: until it is watched, and what the watching takes."""

import pathlib
import time

import table
from footprint import memory
from ground import Ground, Running, wait_until

PER_FOLDER = 100


def run(tools, quick):
    files, count = (20_000, 3) if quick else (200_000, 10)
    table.heading(f"Watching a tree of {files:,} files, 95 % of them ignored")
    for tool in tools:
        with Ground("watching") as ground:
            # A command runs when everything is watched that it depends on. Its text is not what it prints.
            ground.write("Devfile", "local_resource('all', 'echo it is w\"\"atched', deps=['.'], ignore=['node_modules'])\n")
            table.measured(f"{tool.name}: start → watched, an empty tree", [start(ground, tool) for _ in range(count)])
            tree(ground.path / "src", files // 20)
            table.measured(f"{tool.name}: start → watched, {files // 20:,} files", [start(ground, tool) for _ in range(count)])
            tree(ground.path / "node_modules", files - files // 20)
            table.measured(f"{tool.name}: start → watched, {files:,} files", [start(ground, tool) for _ in range(count)])
            with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
                up.wait_for("it is watched")
                folders = files // 20 // PER_FOLDER
                table.single(f"{tool.name}: watches of the system", watches(up.pid), "",
                             f"{folders} folders hold files that count, {files // PER_FOLDER - folders} are ignored")
                table.single(f"{tool.name}: resident", memory([up.pid])["Rss"], "MB")
                values = []
                for number in range(count * 2):
                    values.append(saved(ground, up, number))
                table.measured(f"{tool.name}: save → its command has printed", values)


def tree(root, files):
    for folder in range(files // PER_FOLDER):
        below = root / f"{folder // 50}/{folder}"
        below.mkdir(parents=True)
        for number in range(PER_FOLDER):
            (below / f"file{number}.js").write_text("x\n")


def start(ground, tool):
    with Running(tool, ground.path, arguments=["-f", "Devfile"]) as up:
        up.wait_for("it is watched")
        return (time.perf_counter() - up.started) * 1000


def saved(ground, up, number):
    time.sleep(0.3)
    mark, moment = len(up.said), time.perf_counter()
    ground.write("src/edited", f"{number}\n")
    wait_until("the command", lambda: "it is watched" in up.said[mark:], 0.001)
    return (time.perf_counter() - moment) * 1000


def watches(pid):
    """Of all inotify instances of a process."""
    count = 0
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        count += entry.read_text().count("inotify wd:")
    return count
