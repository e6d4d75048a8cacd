"""The report: a study as one HTML file that opens offline."""

from trimtab.report._facts import Reported
from trimtab.report._python import as_python
from trimtab.report._write import report_html, write_report

__all__ = ["Reported", "as_python", "report_html", "write_report"]
