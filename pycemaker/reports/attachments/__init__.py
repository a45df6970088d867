"""Attachments of a report: the interval's samples and their summary as CSV and XLSX, the page as PDF."""
