"""The number of runs of each model, as bars."""

from perfexp.charts import Chart, canvas


def draw(results):
    counts = results.runs["model"].astype(str).value_counts()
    figure = canvas.figure(3.0)
    axes = figure.subplots()
    axes.barh(list(counts.index), counts.to_numpy())
    axes.set(xlabel="Runs (1)", ylabel="Model")
    return figure


CHARTS = (Chart("toy", 99, "Runs of each model", draw, "Bars."),)
