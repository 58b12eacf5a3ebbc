# The app as a public copy, see docs/hosting.md:
#   docker build -t fer . && docker run -p 127.0.0.1:8501:8501 -v fer:/data fer
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 fer && install -d -o fer -g fer /data

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY .streamlit/config.toml .streamlit/config.toml
COPY streamlit_app.py ./
COPY fer_core fer_core
COPY models models
COPY pages pages
COPY static static
COPY ui ui

USER fer
ENV FER_HOME=/data \
    FER_PUBLIC=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_MAX_UPLOAD_SIZE=200 \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 8501
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import os, urllib.request as r; path = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '') + '/_stcore/health'; r.urlopen('http://127.0.0.1:8501/' + path.lstrip('/'), timeout=5)"]
CMD ["python", "-m", "streamlit", "run", "streamlit_app.py"]
