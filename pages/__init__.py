"""One thin file per page; streamlit_app.py lists them."""
